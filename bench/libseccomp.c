/* libseccomp RULES LEVEL MILLISECONDS OUT: builds the filter that RULES describes, again and again for that long and at
 * least once, with whatever libseccomp.so.2 the loader finds. Prints the median time of init, add, export to memory and
 * release in nanoseconds, and leaves the program in OUT. LEVEL is 1 for libseccomp's linear code, 2 for its binary tree.
 *
 * RULES has a line for each fact, all words in decimal:
 *   default WORD | bad-arch WORD | arch NAME | rule WORD NAME-OR-NUMBER [INDEX OPERATOR A B]... */
#define _GNU_SOURCE
#include <fcntl.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define BUILDS_MAX 2000

struct rule {
    unsigned action;
    int number;
    unsigned count;
    struct scmp_arg_cmp args[6];
};

static struct rule *rules;
static size_t rule_count;
static unsigned default_action, foreign_action = SCMP_ACT_KILL;
static char arches[8][16];
static int arch_count;

static char *word(void) {
    char *found = strtok(NULL, " \n");
    if (!found) { fprintf(stderr, "a word is missing\n"); exit(2); }
    return found;
}

static enum scmp_compare operator_named(const char *name) {
    static const char *names[] = {"NE", "LT", "LE", "EQ", "GE", "GT", "MASKED_EQ"};
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        if (!strncmp(name, "SCMP_CMP_", 9) && !strcmp(name + 9, names[i])) return SCMP_CMP_NE + i;
    fprintf(stderr, "no operator is called %s\n", name);
    exit(2);
}

static void read_rule(void) {
    struct rule rule = {.action = strtoul(word(), NULL, 10)};
    const char *name = word();
    char *index;
    rule.number = *name >= '0' && *name <= '9' ? atoi(name) : seccomp_syscall_resolve_name(name);
    while ((index = strtok(NULL, " \n")) && rule.count < 6) {
        struct scmp_arg_cmp *arg = &rule.args[rule.count++];
        arg->arg = strtoul(index, NULL, 10);
        arg->op = operator_named(word());
        arg->datum_a = strtoull(word(), NULL, 10);
        arg->datum_b = strtoull(word(), NULL, 10);
    }
    rules = realloc(rules, (rule_count + 1) * sizeof *rules);
    rules[rule_count++] = rule;
}

static void read_rules(const char *path) {
    char line[512];
    FILE *file = fopen(path, "r");
    if (!file) { perror(path); exit(2); }
    while (fgets(line, sizeof line, file)) {
        char *kind = strtok(line, " \n");
        if (!kind) continue;
        if (!strcmp(kind, "default")) default_action = strtoul(word(), NULL, 10);
        else if (!strcmp(kind, "bad-arch")) foreign_action = strtoul(word(), NULL, 10);
        else if (!strcmp(kind, "arch") && arch_count < 8)
            snprintf(arches[arch_count++], sizeof arches[0], "%s", word());
        else if (!strcmp(kind, "rule")) read_rule();
    }
    fclose(file);
}

static void build(int level, int out) {
    scmp_filter_ctx context = seccomp_init(default_action);
    seccomp_attr_set(context, SCMP_FLTATR_ACT_BADARCH, foreign_action);
    for (int i = 0; i < arch_count; i++)
        seccomp_arch_add(context, seccomp_arch_resolve_name(arches[i]));
    seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, level);
    for (size_t i = 0; i < rule_count; i++)
        if (seccomp_rule_add_array(context, rules[i].action, rules[i].number, rules[i].count, rules[i].args)) {
            fprintf(stderr, "rule %zu was refused\n", i);
            exit(3);
        }
    if (lseek(out, 0, SEEK_SET) || ftruncate(out, 0)) exit(3);
    int failed = seccomp_export_bpf(context, out);
    if (failed) { fprintf(stderr, "the filter is not exported: %s\n", strerror(-failed)); exit(3); }
    seccomp_release(context);
}

static long since(const struct timespec *start) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (now.tv_sec - start->tv_sec) * 1000000000L + now.tv_nsec - start->tv_nsec;
}

static int ascending(const void *left, const void *right) {
    long a = *(const long *)left, b = *(const long *)right;
    return (a > b) - (a < b);
}

int main(int argc, char **argv) {
    static long times[BUILDS_MAX];
    if (argc != 5) { fprintf(stderr, "usage: libseccomp RULES LEVEL MILLISECONDS OUT\n"); return 2; }
    int level = atoi(argv[2]), builds = 0, out = open(argv[4], O_CREAT | O_RDWR | O_TRUNC, 0600);
    if (out < 0) { perror(argv[4]); return 2; }
    /* A disk would take as long as a library, and differently each time. */
    int memory = memfd_create("filter", 0);
    if (memory < 0) { perror("memfd_create"); return 2; }
    read_rules(argv[1]);
    struct timespec begin, start;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    do {
        clock_gettime(CLOCK_MONOTONIC, &start);
        build(level, memory);
        times[builds++] = since(&start);
    } while (builds < BUILDS_MAX && since(&begin) < atol(argv[3]) * 1000000L);
    build(level, out);
    qsort(times, builds, sizeof *times, ascending);
    printf("%ld\n", times[builds / 2]);
    return 0;
}

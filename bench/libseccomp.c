/* libseccomp RULES TREE ROUNDS OUT: builds the filter that RULES describes, ROUNDS times, with libseccomp.
 * Prints the median time of init, add, export and release in nanoseconds, and leaves the program in OUT.
 * TREE is 1 for libseccomp's linear code, 2 for its binary tree.
 *
 * RULES has a line for each fact: "default WORD", "arch NAME", "rule WORD NUMBER [ARG:VALUE]...", all values equal. */
#include <fcntl.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct rule {
    unsigned action;
    int number;
    unsigned count;
    struct scmp_arg_cmp args[6];
};

static struct rule *rules;
static size_t rule_count;
static unsigned default_action;
static char arches[8][16];
static int arch_count;

static void read_rules(const char *path) {
    char line[512];
    FILE *file = fopen(path, "r");
    if (!file) { perror(path); exit(2); }
    while (fgets(line, sizeof line, file)) {
        char *kind = strtok(line, " \n");
        if (kind && !strcmp(kind, "default")) {
            default_action = strtoul(strtok(NULL, " \n"), NULL, 0);
        } else if (kind && !strcmp(kind, "arch") && arch_count < 8) {
            snprintf(arches[arch_count++], sizeof arches[0], "%s", strtok(NULL, " \n"));
        } else if (kind && !strcmp(kind, "rule")) {
            struct rule rule = {0};
            char *test;
            rule.action = strtoul(strtok(NULL, " \n"), NULL, 0);
            rule.number = atoi(strtok(NULL, " \n"));
            while ((test = strtok(NULL, " \n")) && rule.count < 6) {
                char *value;
                unsigned arg = strtoul(test, &value, 10);
                struct scmp_arg_cmp cmp = {arg, SCMP_CMP_EQ, strtoull(value + 1, NULL, 0), 0};
                rule.args[rule.count++] = cmp;
            }
            rules = realloc(rules, (rule_count + 1) * sizeof *rules);
            rules[rule_count++] = rule;
        }
    }
    fclose(file);
}

static void build(int tree, int out) {
    scmp_filter_ctx context = seccomp_init(default_action);
    for (int i = 0; i < arch_count; i++)
        seccomp_arch_add(context, seccomp_arch_resolve_name(arches[i]));
    seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, tree);
    for (size_t i = 0; i < rule_count; i++)
        seccomp_rule_add_array(context, rules[i].action, rules[i].number, rules[i].count, rules[i].args);
    if (lseek(out, 0, SEEK_SET) || ftruncate(out, 0) || seccomp_export_bpf(context, out)) exit(3);
    seccomp_release(context);
}

static int ascending(const void *left, const void *right) {
    long a = *(const long *)left, b = *(const long *)right;
    return (a > b) - (a < b);
}

int main(int argc, char **argv) {
    if (argc != 5) { fprintf(stderr, "usage: libseccomp RULES TREE ROUNDS OUT\n"); return 2; }
    int tree = atoi(argv[2]), rounds = atoi(argv[3]);
    int out = open(argv[4], O_CREAT | O_RDWR | O_TRUNC, 0600);
    long *times = calloc(rounds, sizeof *times);
    if (out < 0 || !times) { perror(argv[4]); return 2; }
    read_rules(argv[1]);
    for (int i = 0; i < rounds; i++) {
        struct timespec start, end;
        clock_gettime(CLOCK_MONOTONIC, &start);
        build(tree, out);
        clock_gettime(CLOCK_MONOTONIC, &end);
        times[i] = (end.tv_sec - start.tv_sec) * 1000000000L + end.tv_nsec - start.tv_nsec;
    }
    qsort(times, rounds, sizeof *times, ascending);
    printf("%ld\n", times[rounds / 2]);
    return 0;
}

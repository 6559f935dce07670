/* Builds a filter with the system's libseccomp from lines on standard input, and writes it to standard output.
 *
 *   bad-arch ACTION | arch NAME | number ARCH SYSCALL | rule ACTION SYSCALL [INDEX OPERATOR A B]...
 *
 * The first argument is the default action, the second the level of optimisation. Actions are the kernel's words in
 * decimal. Numbers asked for are told on standard error, one "number ARCH SYSCALL NUMBER" a line.
 */
#include <errno.h>
#include <seccomp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAMED(constant) {#constant, constant}

static const struct { const char *name; enum scmp_compare op; } operators[] = {
    NAMED(SCMP_CMP_NE), NAMED(SCMP_CMP_LT), NAMED(SCMP_CMP_LE),        NAMED(SCMP_CMP_EQ),
    NAMED(SCMP_CMP_GE), NAMED(SCMP_CMP_GT), NAMED(SCMP_CMP_MASKED_EQ),
};

static void fail(const char *what, int result)
{
    fprintf(stderr, "%s: %s\n", what, strerror(-result));
    exit(1);
}

static enum scmp_compare operator_named(const char *name)
{
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++)
        if (name && !strcmp(operators[i].name, name))
            return operators[i].op;
    fail("operator", -EINVAL);
    return 0;
}

static uint64_t number(void)
{
    const char *word = strtok(NULL, " \n");
    if (!word)
        fail("number", -EINVAL);
    return strtoull(word, NULL, 10);
}

static void tell_number(void)
{
    const char *arch = strtok(NULL, " \n"), *name = strtok(NULL, " \n");
    int nr = seccomp_syscall_resolve_name_arch(seccomp_arch_resolve_name(arch), name);
    fprintf(stderr, "number %s %s %d\n", arch, name, nr);
}

static void add_rule(scmp_filter_ctx filter)
{
    struct scmp_arg_cmp args[6];
    unsigned count = 0;
    uint32_t action = number();
    const char *name = strtok(NULL, " \n"), *index;
    int nr = seccomp_syscall_resolve_name(name);
    if (nr == __NR_SCMP_ERROR)
        fail(name, -ENOSYS);
    while (count < 6 && (index = strtok(NULL, " \n"))) {
        args[count].arg = strtoul(index, NULL, 10);
        args[count].op = operator_named(strtok(NULL, " \n"));
        args[count].datum_a = number();
        args[count].datum_b = number();
        count++;
    }
    int result = seccomp_rule_add_array(filter, action, nr, count, args);
    if (result)
        fail(name, result);
}

int main(int argc, char **argv)
{
    char *line = NULL;
    size_t size = 0;
    if (argc != 3)
        fail("arguments", -EINVAL);
    scmp_filter_ctx filter = seccomp_init(strtoul(argv[1], NULL, 10));
    if (!filter)
        fail("seccomp_init", -EINVAL);
    int result = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, strtoul(argv[2], NULL, 10));
    if (result)
        fail("optimize", result);
    while (getline(&line, &size, stdin) > 0) {
        const char *word = strtok(line, " \n");
        if (!strcmp(word, "rule")) {
            add_rule(filter);
        } else if (!strcmp(word, "number")) {
            tell_number();
        } else if (!strcmp(word, "bad-arch")) {
            result = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, number());
        } else if (!strcmp(word, "arch")) {
            result = seccomp_arch_add(filter, seccomp_arch_resolve_name(strtok(NULL, " \n")));
            result = result == -EEXIST ? 0 : result;
        } else {
            result = -EINVAL;
        }
        if (result)
            fail(word, result);
    }
    result = seccomp_export_bpf(filter, STDOUT_FILENO);
    if (result)
        fail("seccomp_export_bpf", result);
    return 0;
}

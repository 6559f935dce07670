/* kernel ROUNDS NUMBER ARG0 ARG1 PROGRAM...: what the kernel takes to attach the raw filters, oldest first, and for a
 * call under them, each round in a fresh child. Prints the median time in nanoseconds of attaching all, the median over
 * the children of the fastest batch of calls, and the errno of the call. NUMBER -1 makes no calls.
 *
 * The clock is one that needs no syscall, since filters may refuse it. A child whose filter refuses its exit dies. */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FILTERS_MAX 16
#define BATCHES 12
#define CALLS 1000

struct result {
    long attach, call, error;
};

static struct sock_filter code[FILTERS_MAX][4096];
static struct sock_fprog programs[FILTERS_MAX];

static int by_attach(const void *left, const void *right) {
    long a = ((const struct result *)left)->attach, b = ((const struct result *)right)->attach;
    return (a > b) - (a < b);
}

static int by_call(const void *left, const void *right) {
    long a = ((const struct result *)left)->call, b = ((const struct result *)right)->call;
    return (a > b) - (a < b);
}

static long now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000L + time.tv_nsec;
}

static void child(struct result *result, int filters, long number, long arg0, long arg1) {
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    long start = now(), failed = 0, fastest = -1;
    for (int i = 0; i < filters; i++)
        failed |= syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &programs[i]);
    result->attach = failed ? -1 : now() - start;
    for (int batch = 0; number >= 0 && batch < BATCHES; batch++) {
        start = now();
        for (int i = 0; i < CALLS; i++) failed = syscall(number, arg0, arg1, 0);
        long taken = (now() - start) / CALLS;
        if (fastest < 0 || taken < fastest) fastest = taken;
        result->error = failed == -1 ? errno : 0;
    }
    result->call = fastest;
    _exit(0);
}

int main(int argc, char **argv) {
    if (argc < 6 || argc > 5 + FILTERS_MAX) {
        fprintf(stderr, "usage: kernel ROUNDS NUMBER ARG0 ARG1 PROGRAM...\n");
        return 2;
    }
    int rounds = atoi(argv[1]), filters = argc - 5;
    long number = atol(argv[2]), arg0 = atol(argv[3]), arg1 = atol(argv[4]);
    for (int i = 0; i < filters; i++) {
        int file = open(argv[5 + i], O_RDONLY);
        ssize_t size = file < 0 ? -1 : read(file, code[i], sizeof code[i]);
        if (size <= 0) { perror(argv[5 + i]); return 2; }
        programs[i] = (struct sock_fprog){size / sizeof code[i][0], code[i]};
        close(file);
    }
    struct result *results =
        mmap(NULL, rounds * sizeof *results, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (results == MAP_FAILED) { perror("mmap"); return 2; }
    for (int i = 0; i < rounds; i++) {
        results[i].attach = -1;
        pid_t forked = fork();
        if (forked == 0) child(&results[i], filters, number, arg0, arg1);
        waitpid(forked, NULL, 0);
    }
    qsort(results, rounds, sizeof *results, by_attach);
    if (results[0].attach < 0) { fprintf(stderr, "the kernel refused the filter\n"); return 1; }
    printf("%ld", results[rounds / 2].attach);
    qsort(results, rounds, sizeof *results, by_call);
    printf(" %ld %ld\n", results[rounds / 2].call, results[rounds / 2].error);
    return 0;
}

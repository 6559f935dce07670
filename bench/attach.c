/* attach PROGRAM ROUNDS: the median time in nanoseconds that the kernel takes to attach the raw filter PROGRAM, each
 * time in a fresh child. The clock is one that needs no syscall, since the filter may refuse it. A child whose filter
 * refuses its exit dies of that. */
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

static int ascending(const void *left, const void *right) {
    long a = *(const long *)left, b = *(const long *)right;
    return (a > b) - (a < b);
}

int main(int argc, char **argv) {
    static struct sock_filter code[4096];
    if (argc != 3) { fprintf(stderr, "usage: attach PROGRAM ROUNDS\n"); return 2; }
    int rounds = atoi(argv[2]), file = open(argv[1], O_RDONLY);
    ssize_t size = read(file, code, sizeof code);
    long *times = mmap(NULL, rounds * sizeof *times, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (size <= 0 || times == MAP_FAILED) { perror(argv[1]); return 2; }
    struct sock_fprog program = {size / sizeof *code, code};
    for (int i = 0; i < rounds; i++) {
        pid_t child = fork();
        if (child == 0) {
            struct timespec start, end;
            prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
            clock_gettime(CLOCK_MONOTONIC, &start);
            long failed = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
            clock_gettime(CLOCK_MONOTONIC, &end);
            long taken = (end.tv_sec - start.tv_sec) * 1000000000L + end.tv_nsec - start.tv_nsec;
            times[i] = failed ? -1 : taken;
            _exit(0);
        }
        waitpid(child, NULL, 0);
    }
    qsort(times, rounds, sizeof *times, ascending);
    printf("%ld\n", times[rounds / 2]);
    return times[0] < 0;
}

/* notify call COUNT: hands getppid(2) over to whoever has the other end of standard input, makes that many calls, and prints
 * how many nanoseconds one took.
 * notify answer: takes the listener from standard input and answers until it has ended, with nothing but the two ioctls
 * that it takes. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP 1UL
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#endif

#define ANSWER 4711

union control {
    struct cmsghdr header;
    char space[CMSG_SPACE(sizeof(int))];
};

static struct msghdr message(struct iovec *byte, union control *control) {
    return (struct msghdr){
        .msg_iov = byte, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof *control};
}

static int attach(void) {
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof code / sizeof code[0], code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) return -1;
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
}

static long now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000L + time.tv_nsec;
}

static int call(long count) {
    int listener = attach();
    if (listener < 0) { perror("seccomp"); return 1; }
    char dot = '.';
    struct iovec byte = {&dot, 1};
    union control control = {.header = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
    memcpy(CMSG_DATA(&control.header), &listener, sizeof listener);
    struct msghdr sent = message(&byte, &control);
    if (sendmsg(0, &sent, 0) != 1) { perror("sendmsg"); return 1; }
    close(listener);
    /* The first answer says that the supervisor is there. */
    if (syscall(SYS_getppid) != ANSWER) { fprintf(stderr, "not answered\n"); return 1; }
    long start = now();
    for (long i = 0; i < count; i++)
        if (syscall(SYS_getppid) != ANSWER) { fprintf(stderr, "not answered\n"); return 1; }
    printf("%ld\n", (now() - start) / count);
    return 0;
}

static int answer(void) {
    char dot;
    struct iovec byte = {&dot, 1};
    union control control;
    struct msghdr received = message(&byte, &control);
    int listener;
    if (recvmsg(0, &received, 0) != 1 || received.msg_controllen < CMSG_LEN(sizeof listener)) {
        fprintf(stderr, "no listener\n");
        return 1;
    }
    memcpy(&listener, CMSG_DATA(&control.header), sizeof listener);
    /* Kernels before 6.6 don't have it. */
    ioctl(listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP);
    for (;;) {
        struct seccomp_notif asked = {0};
        if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &asked)) return errno == ENOENT ? 0 : 1;
        struct seccomp_notif_resp answer = {.id = asked.id, .val = ANSWER};
        if (ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer)) return 1;
    }
}

int main(int argc, char **argv) {
    if (argc == 3 && !strcmp(argv[1], "call") && atol(argv[2]) > 0) return call(atol(argv[2]));
    if (argc == 2 && !strcmp(argv[1], "answer")) return answer();
    fprintf(stderr, "usage: notify call COUNT | notify answer\n");
    return 2;
}

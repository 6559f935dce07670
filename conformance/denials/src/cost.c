/* `cost NR N`: the least time of a call in twenty rounds of N, in ns.
 * `cost supervise N`: the same for getppid under a supervisor as short as one can be, which answers
 * EPERM with two ioctls a call. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1e9 + time.tv_nsec;
}

static int measure(long nr, long calls)
{
	double best = 1e18;
	for (int round = 0; round < 20; round++) {
		double start = now();
		for (long i = 0; i < calls; i++)
			syscall(nr);
		double each = (now() - start) / calls;
		if (each < best)
			best = each;
	}
	printf("%.0f\n", best);
	return 0;
}

static void serve(int listener, pid_t child)
{
	struct seccomp_notif call;
	struct seccomp_notif_resp answer;
	int status;
	ioctl(listener, _IOW('!', 4, __u64), 1);
	while (waitpid(child, &status, WNOHANG) == 0) {
		memset(&call, 0, sizeof(call));
		while (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call) == 0) {
			memset(&answer, 0, sizeof(answer));
			answer.id = call.id;
			answer.error = -EPERM;
			ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
			memset(&call, 0, sizeof(call));
		}
	}
}

static int supervise(char *self, char *calls)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { 4, filter };
	int ends[2], listener;
	if (pipe(ends))
		return 9;
	pid_t child = syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
	if (child == 0) {
		char number[16], *arguments[] = { self, number, calls, NULL };
		sprintf(number, "%d", (int)SYS_getppid);
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		listener = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
				   SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
		if (write(ends[1], &listener, sizeof(listener)) > 0)
			execv(self, arguments);
		_exit(9);
	}
	if (read(ends[0], &listener, sizeof(listener)) <= 0)
		return 9;
	serve(listener, child);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 8;
	return strcmp(argv[1], "supervise") ? measure(atol(argv[1]), atol(argv[2]))
					    : supervise(argv[0], argv[2]);
}

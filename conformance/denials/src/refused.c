/* Makes one call, getppid, in the way that its argument names. The call is refused. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

static volatile sig_atomic_t handled;

__attribute__((noinline)) static long make_refused_call(void)
{
	return syscall(SYS_getppid);
}

static long by_int80(void)
{
	long result;
	__asm__ volatile("int $0x80" : "=a"(result) : "a"(64L) : "memory", "r8", "r9", "r10", "r11");
	return result;
}

/* The process's parent differs from run to run. */
static int say(long result)
{
	if (result > 0)
		printf("made\n");
	else
		printf("returned %ld, errno %d\n", result, errno);
	fflush(stdout);
	return 0;
}

static void handler(int signal, siginfo_t *info, void *context)
{
	(void)context;
	handled++;
	printf("signal %d code %d errno %d syscall %d arch %x\n", signal, info->si_code,
	       info->si_errno, info->si_syscall, info->si_arch);
	fflush(stdout);
}

static void *thread(void *count)
{
	for (long i = 0; i < (long)count; i++)
		make_refused_call();
	return NULL;
}

static void *ender(void *unused)
{
	struct timespec moment = { 0, 300 * 1000 * 1000 };
	(void)unused;
	nanosleep(&moment, NULL);
	_exit(6);
}

static int in_threads(int threads, long calls)
{
	pthread_t all[64];
	for (int i = 0; i < threads; i++)
		if (pthread_create(&all[i], NULL, thread, (void *)calls))
			return 9;
	for (int i = 0; i < threads; i++)
		pthread_join(all[i], NULL);
	printf("joined\n");
	return 5;
}

static int in_child(void)
{
	int status;
	pid_t child = fork();
	if (child == 0)
		_exit(say(make_refused_call()));
	if (waitpid(child, &status, 0) != child)
		return 9;
	printf("child: %x\n", status & ~0x80);
	return 4;
}

static int with_own_filter(long own)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_uname, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, (unsigned)own),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { 4, filter };
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program))
		return 9;
	say(make_refused_call());
	return say(syscall(SYS_uname, NULL));
}

/* Exits with the errno of the load, or with 7. */
static int with_own_listener(void)
{
	struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog program = { 1, &allow };
	make_refused_call();
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program) < 0)
		return errno;
	return 7;
}

static int until_it_works(void)
{
	struct timespec moment = { 0, 1000 * 1000 };
	while (make_refused_call() < 0)
		nanosleep(&moment, NULL);
	return 0;
}

int main(int argc, char **argv)
{
	const char *way = argc > 1 ? argv[1] : "once";
	if (!strcmp(way, "once"))
		return say(make_refused_call());
	if (!strcmp(way, "thousand")) {
		for (int i = 0; i < 1000; i++)
			make_refused_call();
		return 2;
	}
	if (!strcmp(way, "int80"))
		return say(by_int80());
	if (!strcmp(way, "x32"))
		return say(syscall(0x40000000 | SYS_getppid));
	if (!strcmp(way, "thread"))
		return in_threads(1, 1);
	if (!strcmp(way, "threads"))
		return in_threads(16, 25);
	if (!strcmp(way, "first-thread")) {
		pthread_t other;
		if (pthread_create(&other, NULL, ender, NULL))
			return 9;
		say(make_refused_call());
		pthread_exit(NULL);
	}
	if (!strcmp(way, "child"))
		return in_child();
	if (!strcmp(way, "handler")) {
		struct sigaction action = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO };
		sigaction(SIGSYS, &action, NULL);
		make_refused_call();
		make_refused_call();
		printf("handled %d\n", handled);
		return 3;
	}
	if (!strcmp(way, "ignored")) {
		signal(SIGSYS, SIG_IGN);
		say(make_refused_call());
		return 3;
	}
	if (!strcmp(way, "blocked")) {
		sigset_t set;
		sigemptyset(&set);
		sigaddset(&set, SIGSYS);
		sigprocmask(SIG_BLOCK, &set, NULL);
		say(make_refused_call());
		return 3;
	}
	if (!strcmp(way, "undumpable")) {
		prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
		say(make_refused_call());
		return 3;
	}
	if (!strcmp(way, "own-errno"))
		return with_own_filter(SECCOMP_RET_ERRNO | 77);
	if (!strcmp(way, "own-kill"))
		return with_own_filter(SECCOMP_RET_KILL_PROCESS);
	if (!strcmp(way, "own-listener"))
		return with_own_listener();
	if (!strcmp(way, "until-it-works"))
		return until_it_works();
	return 99;
}

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
#include <sys/time.h>
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
	struct timespec moment = { 1, 0 };
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

/* Returns the errno of the load. */
static int load_listener(void)
{
	struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog program = { 1, &allow };
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program) < 0)
		return errno;
	return 0;
}

static int with_own_listener(void)
{
	int failed = load_listener();
	if (failed)
		return 100 + failed;
	say(make_refused_call());
	return 7;
}

static int child_of_own_listener(void)
{
	int ends[2], status;
	char byte = 0;
	if (pipe(ends))
		return 9;
	pid_t child = fork();
	if (child == 0) {
		close(ends[1]);
		if (read(ends[0], &byte, 1) != 1)
			_exit(9);
		_exit(say(make_refused_call()));
	}
	int failed = load_listener();
	if (failed)
		return 100 + failed;
	if (write(ends[1], &byte, 1) != 1 || waitpid(child, &status, 0) != child)
		return 9;
	printf("child: %x\n", status & ~0x80);
	return 4;
}

static void *denied_thread(void *wrong)
{
	for (int i = 0; i < 25; i++)
		if (make_refused_call() != -1 || errno != EPERM)
			__atomic_add_fetch((int *)wrong, 1, __ATOMIC_RELAXED);
	return NULL;
}

static int threads_of_own_listener(void)
{
	pthread_t all[8];
	int wrong = 0;
	for (int i = 0; i < 8; i++)
		if (pthread_create(&all[i], NULL, denied_thread, &wrong))
			return 9;
	int failed = load_listener();
	for (int i = 0; i < 8; i++)
		pthread_join(all[i], NULL);
	printf("load %d, wrong %d\n", failed, wrong);
	return 5;
}

static int until_it_works(void)
{
	struct timespec moment = { 0, 1000 * 1000 };
	while (make_refused_call() < 0)
		nanosleep(&moment, NULL);
	return 0;
}

static void alarmed(int signal)
{
	(void)signal;
}

/* Calls under a timer that goes off a thousand times a second, whose handler lets calls go on. */
static int in_a_storm(void)
{
	struct sigaction action = { .sa_handler = alarmed, .sa_flags = SA_RESTART };
	struct itimerval often = { { 0, 1000 }, { 0, 1000 } };
	int made = 0, refused = 0, other = 0;
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	for (int i = 0; i < 1000; i++) {
		long result = make_refused_call();
		if (result > 0)
			made++;
		else if (errno == EPERM)
			refused++;
		else
			other++;
	}
	often.it_value.tv_usec = 0;
	setitimer(ITIMER_REAL, &often, NULL);
	printf("made %d, refused %d, other %d\n", made, refused, other);
	return 8;
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
	if (!strcmp(way, "storm"))
		return in_a_storm();
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
	if (!strcmp(way, "own-listener-handler")) {
		struct sigaction action = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO };
		sigaction(SIGSYS, &action, NULL);
		say(with_own_listener());
		printf("handled %d\n", handled);
		return 3;
	}
	if (!strcmp(way, "own-listener-child"))
		return child_of_own_listener();
	if (!strcmp(way, "own-listener-threads"))
		return threads_of_own_listener();
	if (!strcmp(way, "until-it-works"))
		return until_it_works();
	return 99;
}

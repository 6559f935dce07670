/*
 * What seccomp_load and its attributes do to the kernel's state. `cargo xtask conformance live` runs each row in a process of
 * its own, with this library and, where it can do the same, with the installed one.
 *
 * Without an argument: the rows, each with "both" or "ours" and what it shows. With a name: the row; what is not as it
 * should be is said, and the exit status is 1.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define WAITKILL ((enum scmp_filter_attr)10)
#define NOBODY 65534
/* Where the low half of an argument is in its 8 bytes. */
#define LOW_HALF (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 4 : 0)

static int failures;

#define SAME(found, expected) same(__LINE__, #found, (long long)(found), (long long)(expected))

static void same(int line, const char *what, long long found, long long expected)
{
	if (found == expected)
		return;
	failures++;
	printf("line %d: %s is %lld, not %lld\n", line, what, found, expected);
	fflush(stdout);
}

/* A number of /proc/thread-self/status. */
static long state(const char *key)
{
	char line[256];
	long value = -1;
	FILE *file = fopen("/proc/thread-self/status", "r");

	while (file && fgets(line, sizeof(line), file))
		if (!strncmp(line, key, strlen(key)) && line[strlen(key)] == ':')
			value = atol(line + strlen(key) + 1);
	if (file)
		fclose(file);
	return value;
}

/* The result of a call as the kernel has it. */
static long raw(long result)
{
	return result == -1 ? -errno : result;
}

static long ask(void)
{
	return raw(syscall(SYS_getppid));
}

/* A context that answers getppid. */
static scmp_filter_ctx answering(uint32_t action)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);

	SAME(seccomp_rule_add(ctx, action, SCMP_SYS(getppid), 0), 0);
	return ctx;
}

/* Runs a function in a child: its wait status; what fails there fails here. */
static int in_child(void (*function)(void *), void *argument)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		failures = 0;
		function(argument);
		_exit(failures != 0);
	}
	waitpid(pid, &status, 0);
	return status;
}

#define CHILD(function, argument) SAME(in_child(function, argument), 0)

/* A filter that the library has no part in: seccomp(2) fails with an errno. */
static void refuse(unsigned int nr, unsigned int error)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {4, code};

	SAME(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	SAME(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

/* ... with ENOMEM, where it is called with exactly these flags. */
static void refuse_flags(unsigned int flags)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_seccomp, 0, 5),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 16 + LOW_HALF),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SECCOMP_SET_MODE_FILTER, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 24 + LOW_HALF),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, flags, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOMEM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {8, code};

	SAME(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	SAME(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

/* The exit status of a row that the kernel lacks something for. */
#define LACKING 77

static int knows_waitkill(void)
{
	return raw(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 40, NULL)) == -EFAULT;
}

static void needs_waitkill(void)
{
	if (knows_waitkill())
		return;
	printf("WAIT_KILLABLE_RECV came with Linux 5.19\n");
	exit(LACKING);
}

static void api_get(void)
{
	int level = knows_waitkill() ? 7 : 6;

	SAME(seccomp_api_get(), level);
	SAME(seccomp_api_get(), level);
}

static void api_set(void)
{
	for (unsigned int level = 1; level <= 6; level++) {
		SAME(seccomp_api_set(level), 0);
		SAME(seccomp_api_get(), level);
	}
	SAME(seccomp_api_set(0), -EINVAL);
	SAME(seccomp_api_set(8), -EINVAL);
	SAME(seccomp_api_set(99), -EINVAL);
	SAME(seccomp_api_get(), 6);
}

static void api_gates(void)
{
	static const struct {
		enum scmp_filter_attr attr;
		unsigned int level;
	} attributes[] = {{SCMP_FLTATR_CTL_TSYNC, 2}, {SCMP_FLTATR_CTL_LOG, 3}, {SCMP_FLTATR_CTL_SSB, 4}};
	static const struct {
		uint32_t action;
		unsigned int level;
	} actions[] = {{SCMP_ACT_LOG, 3}, {SCMP_ACT_KILL_PROCESS, 3}, {SCMP_ACT_NOTIFY, 5}};

	seccomp_api_get();
	for (unsigned int level = 1; level <= 6; level++) {
		SAME(seccomp_api_set(level), 0);
		scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);

		for (int i = 0; i < 3; i++) {
			uint32_t value = 9;
			int known = level >= attributes[i].level;

			SAME(seccomp_attr_set(ctx, attributes[i].attr, 1), known ? 0 : -EOPNOTSUPP);
			SAME(seccomp_attr_get(ctx, attributes[i].attr, &value), 0);
			SAME(value, known);
		}
		/* Before level 6 threads and notifications exclude each other. */
		if (level >= 2)
			SAME(seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 0), 0);
		for (int i = 0; i < 3; i++)
			SAME(seccomp_rule_add(ctx, actions[i].action, SCMP_SYS(getppid) + i, 0),
			     level >= actions[i].level ? 0 : -EINVAL);
		seccomp_release(ctx);
	}
}

static void reset_null(void)
{
	SAME(seccomp_api_get() >= 6, 1);
	SAME(seccomp_api_set(1), 0);
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);

	SAME(seccomp_attr_set(ctx, SCMP_FLTATR_CTL_LOG, 1), -EOPNOTSUPP);
	SAME(seccomp_reset(NULL, 0), 0);
	SAME(seccomp_api_get(), 1);
	SAME(seccomp_attr_set(ctx, SCMP_FLTATR_CTL_LOG, 1), 0);
	seccomp_release(ctx);
}

static void load_state(void)
{
	scmp_filter_ctx ctx = answering(SCMP_ACT_ERRNO(7));
	long bypass = state("Speculation_Store_Bypass");

	SAME(state("Seccomp"), 0);
	SAME(seccomp_load(ctx), 0);
	SAME(state("Seccomp"), 2);
	SAME(state("Seccomp_filters"), 1);
	SAME(state("NoNewPrivs"), 1);
	SAME(state("Speculation_Store_Bypass"), bypass);
	SAME(ask(), -7);
	SAME(seccomp_load(ctx), 0);
	SAME(state("Seccomp_filters"), 2);
	seccomp_release(ctx);
	SAME(ask(), -7);
}

static void load_without_nnp(void)
{
	scmp_filter_ctx ctx = answering(SCMP_ACT_ERRNO(7));

	SAME(seccomp_attr_set(ctx, SCMP_FLTATR_CTL_NNP, 0), 0);
	SAME(seccomp_load(ctx), 0);
	SAME(state("NoNewPrivs"), 0);
	SAME(state("Seccomp_filters"), 1);
}

static void load_unprivileged(void)
{
	scmp_filter_ctx ctx = answering(SCMP_ACT_ERRNO(7));

	SAME(setresuid(NOBODY, NOBODY, NOBODY), 0);
	SAME(seccomp_attr_set(ctx, SCMP_FLTATR_CTL_NNP, 0), 0);
	SAME(seccomp_load(ctx), -ECANCELED);
	SAME(seccomp_attr_set(ctx, SCMP_FLTATR_API_SYSRAWRC, 1), 0);
	SAME(seccomp_load(ctx), -EACCES);
	SAME(state("Seccomp"), 0);
	SAME(seccomp_attr_set(ctx, SCMP_FLTATR_CTL_NNP, 1), 0);
	SAME(seccomp_load(ctx), 0);
	SAME(state("NoNewPrivs"), 1);
}

static void at_level(void *level)
{
	SAME(seccomp_api_set(*(unsigned int *)level), 0);
	scmp_filter_ctx ctx = answering(SCMP_ACT_ERRNO(7));

	SAME(seccomp_load(ctx), 0);
	SAME(state("Seccomp"), 2);
	SAME(state("Seccomp_filters"), 1);
	SAME(ask(), -7);
}

static void load_levels(void)
{
	seccomp_api_get();
	for (unsigned int level = 1; level <= 6; level++)
		CHILD(at_level, &level);
}

static void load_level_7(void)
{
	needs_waitkill();
	unsigned int level = 7;

	seccomp_api_get();
	CHILD(at_level, &level);
}

/* libseccomp would call syscall(-1) here. */
static void load_unprobed(void)
{
	for (unsigned int level = 1; level <= 7; level++)
		CHILD(at_level, &level);
}

static void load_invalid(void)
{
	scmp_filter_ctx ctx = answering(SCMP_ACT_ERRNO(7));

	SAME(seccomp_arch_remove(ctx, SCMP_ARCH_NATIVE), 0);
	SAME(seccomp_load(ctx), -EINVAL);
	SAME(state("Seccomp"), 0);
	SAME(state("NoNewPrivs"), 0);
}

struct case_errno {
	unsigned int error;
	int mapped;
};

static void seccomp_fails(void *argument)
{
	struct case_errno *one = argument;
	scmp_filter_ctx ctx = answering(SCMP_ACT_ERRNO(7));

	refuse(SYS_seccomp, one->error);
	SAME(seccomp_load(ctx), -ECANCELED);
	SAME(seccomp_attr_set(ctx, SCMP_FLTATR_API_SYSRAWRC, 1), 0);
	SAME(seccomp_load(ctx), one->mapped);
	SAME(state("Seccomp_filters"), 1);
}

static void prctl_fails(void *argument)
{
	struct case_errno *one = argument;
	scmp_filter_ctx ctx = answering(SCMP_ACT_ERRNO(7));

	refuse(SYS_prctl, one->error);
	SAME(seccomp_load(ctx), -ECANCELED);
	SAME(seccomp_attr_set(ctx, SCMP_FLTATR_API_SYSRAWRC, 1), 0);
	SAME(seccomp_load(ctx), one->mapped);
}

static struct case_errno errnos[] = {
	{EACCES, -EACCES}, {EINVAL, -EINVAL}, {ENOMEM, -ENOMEM}, {ESRCH, -ESRCH}, {EPERM, -EFAULT}, {ENOSYS, -EFAULT},
	{EBUSY, -EFAULT}, {E2BIG, -EFAULT}, {EFAULT, -EFAULT}, {EMFILE, -EFAULT}, {524, -EFAULT}, {EEXIST, -EEXIST},
};

static void load_errors(void)
{
	seccomp_api_get();
	for (size_t i = 0; i < sizeof(errnos) / sizeof(errnos[0]); i++)
		CHILD(seccomp_fails, &errnos[i]);
}

static void nnp_errors(void)
{
	seccomp_api_get();
	for (size_t i = 0; i < sizeof(errnos) / sizeof(errnos[0]); i++)
		CHILD(prctl_fails, &errnos[i]);
}

static void load_too_long(void)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);

	for (unsigned int i = 0; i < 2100; i++)
		SAME(seccomp_rule_add(ctx, SCMP_ACT_ERRNO(1 + i), 2 * i, 0), 0);
	SAME(seccomp_load(ctx), -ECANCELED);
	SAME(seccomp_attr_set(ctx, SCMP_FLTATR_API_SYSRAWRC, 1), 0);
	SAME(seccomp_load(ctx), -EINVAL);
	SAME(state("Seccomp"), 0);
}

struct case_flags {
	unsigned int level;
	int log, ssb, tsync, waitkill, notify;
	unsigned int flags;
};

/* Where the flags are the expected ones, and only there, the load is refused. */
static void with_flags(void *argument)
{
	struct case_flags *one = argument;
	scmp_filter_ctx ctx;

	seccomp_api_get();
	SAME(seccomp_api_set(one->level), 0);
	ctx = answering(one->notify ? SCMP_ACT_NOTIFY : SCMP_ACT_ERRNO(7));
	SAME(seccomp_attr_set(ctx, SCMP_FLTATR_API_SYSRAWRC, 1), 0);
	if (one->log)
		SAME(seccomp_attr_set(ctx, SCMP_FLTATR_CTL_LOG, 1), 0);
	if (one->ssb)
		SAME(seccomp_attr_set(ctx, SCMP_FLTATR_CTL_SSB, 1), 0);
	if (one->tsync)
		SAME(seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1), 0);
	if (one->waitkill)
		SAME(seccomp_attr_set(ctx, WAITKILL, 1), 0);
	refuse_flags(one->flags);
	SAME(seccomp_load(ctx), -ENOMEM);
	/* Other flags than the expected ones would have loaded it. */
	SAME(state("Seccomp_filters"), 1);
}

static void flags_of(struct case_flags *cases, size_t count)
{
	for (size_t i = 0; i < count; i++)
		CHILD(with_flags, &cases[i]);
}

static void load_flags(void)
{
	static struct case_flags cases[] = {
		{2, 0, 0, 0, 0, 0, 0}, {2, 0, 0, 1, 0, 0, 1}, {3, 1, 0, 0, 0, 0, 2}, {4, 0, 1, 0, 0, 0, 4},
		{4, 1, 1, 1, 0, 0, 7}, {5, 0, 0, 0, 0, 1, 8}, {5, 1, 1, 0, 0, 1, 14}, {6, 0, 0, 1, 0, 0, 17},
		{6, 0, 0, 1, 0, 1, 25}, {6, 1, 1, 1, 0, 1, 31},
	};

	flags_of(cases, sizeof(cases) / sizeof(cases[0]));
}

static void load_flags_waitkill(void)
{
	needs_waitkill();
	static struct case_flags cases[] = {
		{7, 0, 0, 0, 1, 0, 0}, {7, 0, 0, 0, 1, 1, 40}, {7, 1, 1, 1, 1, 1, 63}, {7, 1, 1, 1, 0, 1, 31},
	};

	flags_of(cases, sizeof(cases) / sizeof(cases[0]));
}

static pthread_barrier_t barrier;
static long results[64];

static void *sibling(void *argument)
{
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	results[(long)argument] = ask();
	return NULL;
}

static void threads_under(uint32_t tsync, long expected)
{
	pthread_t threads[64];
	scmp_filter_ctx ctx = answering(SCMP_ACT_ERRNO(7));

	SAME(seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, tsync), 0);
	pthread_barrier_init(&barrier, NULL, 65);
	for (long i = 0; i < 64; i++)
		pthread_create(&threads[i], NULL, sibling, (void *)i);
	pthread_barrier_wait(&barrier);
	SAME(seccomp_load(ctx), 0);
	pthread_barrier_wait(&barrier);
	for (int i = 0; i < 64; i++) {
		pthread_join(threads[i], NULL);
		SAME(results[i], expected);
	}
	SAME(ask(), -7);
}

static void tsync_on(void)
{
	threads_under(1, -7);
}

static void tsync_off(void)
{
	threads_under(0, getppid());
}

static void *diverge(void *unused)
{
	refuse(SYS_getsid, 1);
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	return unused;
}

static void diverged_at(void *level)
{
	pthread_t thread;
	scmp_filter_ctx ctx;

	seccomp_api_get();
	SAME(seccomp_api_set(*(unsigned int *)level), 0);
	ctx = answering(SCMP_ACT_ERRNO(7));
	SAME(seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1), 0);
	pthread_barrier_init(&barrier, NULL, 2);
	pthread_create(&thread, NULL, diverge, NULL);
	pthread_barrier_wait(&barrier);
	SAME(seccomp_load(ctx), -ESRCH);
	SAME(seccomp_attr_set(ctx, SCMP_FLTATR_API_SYSRAWRC, 1), 0);
	SAME(seccomp_load(ctx), -ESRCH);
	SAME(state("Seccomp_filters"), 0);
	pthread_barrier_wait(&barrier);
	pthread_join(thread, NULL);
	/* Before Linux 6.11, a thread that was joined diverges until the kernel has taken it off its list. */
	while (state("Threads") != 1)
		sched_yield();
	SAME(seccomp_load(ctx), 0);
}

static void tsync_diverged(void)
{
	for (unsigned int level = 2; level <= 5; level++)
		CHILD(diverged_at, &level);
}

static void tsync_diverged_esrch(void)
{
	for (unsigned int level = 6; level <= 7; level++)
		CHILD(diverged_at, &level);
}

static void without_seccomp(void)
{
	struct seccomp_notif *req = NULL;
	scmp_filter_ctx ctx;

	refuse(SYS_seccomp, ENOSYS);
	SAME(seccomp_api_get(), 1);
	ctx = answering(SCMP_ACT_ERRNO(7));
	SAME(seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1), -EOPNOTSUPP);
	SAME(seccomp_notify_alloc(&req, NULL), -EOPNOTSUPP);
	SAME(seccomp_load(ctx), 0);
	SAME(state("Seccomp_filters"), 2);
	SAME(ask(), -7);
}

static void call_once(void *result)
{
	SAME(ask(), *(long *)result);
}

/* A child that makes the call, and the answer it gets. */
static void answer_once(int fd, long result)
{
	struct seccomp_notif *req = NULL;
	struct seccomp_notif_resp *resp = NULL;
	int status = 0;
	pid_t pid;

	SAME(seccomp_notify_alloc(&req, &resp), 0);
	pid = fork();
	if (pid == 0) {
		failures = 0;
		call_once(&result);
		_exit(failures != 0);
	}
	SAME(seccomp_notify_receive(fd, req), 0);
	SAME(req->pid, pid);
	SAME(req->data.nr, SYS_getppid);
	SAME(seccomp_notify_id_valid(fd, req->id), 0);
	resp->id = req->id;
	resp->val = result;
	SAME(seccomp_notify_respond(fd, resp), 0);
	waitpid(pid, &status, 0);
	SAME(status, 0);
	SAME(seccomp_notify_id_valid(fd, req->id), -ENOENT);
	SAME(seccomp_notify_respond(fd, resp), -ECANCELED);
	SAME(errno, ENOENT);
	seccomp_notify_free(req, resp);
}

static void notify_one(void)
{
	scmp_filter_ctx ctx = answering(SCMP_ACT_NOTIFY), other = answering(SCMP_ACT_NOTIFY);
	int fd;

	SAME(seccomp_notify_fd(ctx), -EFAULT);
	SAME(seccomp_load(ctx), 0);
	fd = seccomp_notify_fd(ctx);
	SAME(fd > 0, 1);
	SAME(seccomp_notify_fd(other), fd);
	answer_once(fd, 4711);
	SAME(seccomp_load(other), 0);
	SAME(state("Seccomp_filters"), 2);
	SAME(seccomp_notify_fd(other), fd);
	/* The newest filter's answer wins, and it has no listener. */
	SAME(ask(), -ENOSYS);
	seccomp_release(ctx);
	SAME(fcntl(fd, F_GETFD) >= 0, 1);
	SAME(seccomp_reset(NULL, 0), 0);
	SAME(fcntl(fd, F_GETFD), -1);
	SAME(seccomp_notify_fd(other), -EFAULT);
	SAME(seccomp_api_get() >= 6, 1);
	SAME(ask(), -ENOSYS);
}

static void notify_unprobed(void)
{
	struct seccomp_notif req;
	struct seccomp_notif_resp resp;

	memset(&req, 0, sizeof(req));
	memset(&resp, 0, sizeof(resp));
	SAME(seccomp_notify_receive(-1, &req), -EOPNOTSUPP);
	SAME(seccomp_notify_respond(-1, &resp), -EOPNOTSUPP);
	SAME(seccomp_notify_id_valid(-1, 0), -ENOENT);
	SAME(seccomp_notify_receive(-1, &req), -ECANCELED);
	SAME(errno, EBADF);
}

static void *threaded_call(void *unused)
{
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	results[0] = ask();
	return unused;
}

static void notify_tsync(void)
{
	struct seccomp_notif *req = NULL;
	struct seccomp_notif_resp *resp = NULL;
	pthread_t thread;
	scmp_filter_ctx ctx = answering(SCMP_ACT_NOTIFY);

	SAME(seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1), 0);
	pthread_barrier_init(&barrier, NULL, 2);
	pthread_create(&thread, NULL, threaded_call, NULL);
	pthread_barrier_wait(&barrier);
	SAME(seccomp_load(ctx), 0);
	pthread_barrier_wait(&barrier);
	SAME(seccomp_notify_alloc(&req, &resp), 0);
	SAME(seccomp_notify_receive(seccomp_notify_fd(ctx), req), 0);
	resp->id = req->id;
	resp->error = -EXDEV;
	SAME(seccomp_notify_respond(seccomp_notify_fd(ctx), resp), 0);
	pthread_join(thread, NULL);
	SAME(results[0], -EXDEV);
}

static void ignore(int signal)
{
	(void)signal;
}

/* A signal after the notification was received: whether the call waits on. */
static long interrupted(uint32_t waitkill)
{
	struct seccomp_notif *req = NULL;
	struct seccomp_notif_resp *resp = NULL;
	struct sigaction action = {.sa_handler = ignore};
	scmp_filter_ctx ctx = answering(SCMP_ACT_NOTIFY);
	int status = 0;
	pid_t pid;

	sigaction(SIGUSR1, &action, NULL);
	SAME(seccomp_attr_set(ctx, WAITKILL, waitkill), 0);
	SAME(seccomp_load(ctx), 0);
	SAME(seccomp_notify_alloc(&req, &resp), 0);
	pid = fork();
	if (pid == 0)
		_exit(ask() == 5 ? 5 : 9);
	SAME(seccomp_notify_receive(seccomp_notify_fd(ctx), req), 0);
	kill(pid, SIGUSR1);
	usleep(50000);
	resp->id = req->id;
	resp->val = 5;
	seccomp_notify_respond(seccomp_notify_fd(ctx), resp);
	waitpid(pid, &status, 0);
	return WEXITSTATUS(status);
}

static void waitkill_on(void)
{
	needs_waitkill();
	SAME(interrupted(1), 5);
}

static void waitkill_off(void)
{
	needs_waitkill();
	SAME(interrupted(0), 9);
}

static void loads_and_calls(void *action)
{
	scmp_filter_ctx ctx = answering(*(uint32_t *)action);

	SAME(seccomp_load(ctx), 0);
	if (failures)
		_exit(99);
	_exit(ask() < 0 ? errno & 0x7f : 0);
}

static void actions(void)
{
	static const struct {
		uint32_t action;
		int status;
	} cases[] = {
		{SCMP_ACT_KILL_PROCESS, SIGSYS}, {SCMP_ACT_KILL_THREAD, SIGSYS}, {SCMP_ACT_TRAP, SIGSYS},
		{SCMP_ACT_ERRNO(13), 13 << 8}, {SCMP_ACT_TRACE(1), ENOSYS << 8}, {SCMP_ACT_LOG, 0},
		{SCMP_ACT_ERRNO(0), 0},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		SAME(in_child(loads_and_calls, (void *)&cases[i].action) & ~0x80, cases[i].status);
}

static int trap_data, trap_nr, trap_arch;

static void on_trap(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)context;
	trap_data = info->si_errno;
	trap_nr = info->si_syscall;
	trap_arch = (int)info->si_arch;
}

static void trap_handled(void)
{
	struct sigaction action = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO};
	scmp_filter_ctx ctx = answering(SCMP_ACT_TRAP);

	sigaction(SIGSYS, &action, NULL);
	SAME(seccomp_load(ctx), 0);
	ask();
	SAME(trap_nr, SYS_getppid);
	SAME(trap_data, 0);
	SAME((uint32_t)trap_arch, seccomp_arch_native());
}

#ifdef __x86_64__
static long ia32(long nr)
{
	long result;

	__asm__ volatile("int $0x80" : "=a"(result) : "a"(nr) : "r8", "r9", "r10", "r11", "memory");
	return (int)result;
}

static void other_arch(void)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);

	SAME(seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(38)), 0);
	SAME(seccomp_load(ctx), 0);
	SAME(ia32(20), -38);
}

static void added_arch(void)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);

	SAME(seccomp_arch_add(ctx, SCMP_ARCH_X86), 0);
	SAME(seccomp_rule_add(ctx, SCMP_ACT_ERRNO(7), SCMP_SYS(getppid), 0), 0);
	SAME(seccomp_load(ctx), 0);
	SAME(ia32(64), -7);
	SAME(ask(), -7);
}
#endif

static const struct {
	const char *name, *where, *about;
	void (*run)(void);
} rows[] = {
	{"capi-api-get", "ours", "the API level is 7 on this kernel", api_get},
	{"capi-api-set", "both", "levels can be set, others are EINVAL", api_set},
	{"capi-api-gates", "both", "each level has its attributes and actions, and no others", api_gates},
	{"capi-reset-null", "both", "resetting nothing forgets the flags, not the level", reset_null},
	{"capi-load-state", "both", "a load shows in /proc, a second one stacks", load_state},
	{"capi-load-no-nnp", "both", "CTL_NNP=0 leaves no_new_privs alone", load_without_nnp},
	{"capi-load-unprivileged", "both", "without privilege: ECANCELED, raw EACCES", load_unprivileged},
	{"capi-load-levels", "both", "a load works at levels 1 to 6", load_levels},
	{"capi-load-level-7", "ours", "a load works at level 7", load_level_7},
	{"capi-load-unprobed", "ours", "a level may be set before anything was probed", load_unprobed},
	{"capi-load-invalid", "both", "a context without architectures is EINVAL and changes nothing", load_invalid},
	{"capi-load-errors", "both", "errors of seccomp(2): ECANCELED, raw as documented or EFAULT", load_errors},
	{"capi-nnp-errors", "both", "errors of prctl(2): the same", nnp_errors},
	{"capi-load-too-long", "both", "more than 4,096 instructions: ECANCELED, raw EINVAL", load_too_long},
	{"capi-load-flags", "both", "attributes and level become the kernel's flags", load_flags},
	{"capi-load-flags-waitkill", "ours", "CTL_WAITKILL becomes a flag, with a listener only", load_flags_waitkill},
	{"capi-tsync", "both", "CTL_TSYNC binds 64 threads", tsync_on},
	{"capi-no-tsync", "both", "without it only the caller is bound", tsync_off},
	{"capi-tsync-diverged", "both", "a diverged thread at levels 2 to 5: ESRCH", tsync_diverged},
	{"capi-tsync-diverged-esrch", "ours", "a diverged thread at levels 6 and 7: ESRCH too", tsync_diverged_esrch},
	{"capi-without-seccomp", "both", "where seccomp(2) fails the level is 1, and prctl(2) loads", without_seccomp},
	{"capi-notify", "both", "one listener for a process, closed by a reset of nothing", notify_one},
	{"capi-notify-unprobed", "both", "receiving before anything was probed: EOPNOTSUPP", notify_unprobed},
	{"capi-notify-tsync", "both", "a listener gets the calls of all threads", notify_tsync},
	{"capi-waitkill", "ours", "CTL_WAITKILL: a signal after the receive waits for the answer", waitkill_on},
	{"capi-no-waitkill", "ours", "without it the signal interrupts the call", waitkill_off},
	{"capi-actions", "both", "each action does what it is for", actions},
	{"capi-trap", "both", "the handler of TRAP sees number, data and architecture", trap_handled},
#ifdef __x86_64__
	{"capi-bad-arch", "both", "ACT_BADARCH answers int 0x80 where x86 is not of the context", other_arch},
	{"capi-added-arch", "both", "an added x86 has the rules that came after it", added_arch},
#endif
};

int main(int argc, char **argv)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (argc == 1) {
			printf("%s\t%s\t%s\n", rows[i].name, rows[i].where, rows[i].about);
		} else if (!strcmp(argv[1], rows[i].name)) {
			/* So long only because machines that are translated take so long. */
			alarm(600);
			rows[i].run();
			return failures != 0;
		}
	}
	return argc == 1 ? 0 : 2;
}

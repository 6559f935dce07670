/*
 * What libseccomp has had only since 2.6, and what ours answers where others crash. Ends with the line of the first failure.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int checks;

#define CHECK(condition)                                                    \
	do {                                                                \
		checks++;                                                   \
		if (!(condition)) {                                         \
			fprintf(stderr, "line %d: %s\n", __LINE__, #condition); \
			return 1;                                           \
		}                                                           \
	} while (0)

static int nulls(void)
{
	uint32_t value;
	size_t len = 0;

	CHECK(seccomp_arch_add(NULL, 0) == -EINVAL);
	CHECK(seccomp_arch_remove(NULL, 0) == -EINVAL);
	CHECK(seccomp_arch_exist(NULL, 0) == -EINVAL);
	CHECK(seccomp_attr_get(NULL, SCMP_FLTATR_CTL_NNP, &value) == -EINVAL);
	CHECK(seccomp_load(NULL) == -EINVAL);
	CHECK(seccomp_precompute(NULL) == -EINVAL);
	CHECK(seccomp_export_pfc(NULL, 1) == -EINVAL);
	CHECK(seccomp_export_bpf(NULL, 1) == -EINVAL);
	CHECK(seccomp_export_bpf_mem(NULL, NULL, &len) == -EINVAL);
	CHECK(seccomp_transaction_start(NULL) == -EINVAL);
	CHECK(seccomp_transaction_commit(NULL) == -EINVAL);
	seccomp_transaction_reject(NULL);
	CHECK(seccomp_notify_fd(NULL) == -EINVAL);
	CHECK(seccomp_notify_receive(-1, NULL) < 0);
	CHECK(seccomp_notify_respond(-1, NULL) < 0);
	CHECK(seccomp_notify_addfd(-1, NULL) < 0);
	CHECK(seccomp_merge(NULL, NULL) == -EINVAL);
	return 0;
}

static int version(void)
{
	const struct scmp_version *release = seccomp_version();

	CHECK(release->major == SCMP_VER_MAJOR);
	CHECK(release->minor == SCMP_VER_MINOR);
	CHECK(release->micro == SCMP_VER_MICRO);
	CHECK(SCMP_KV_UNDEF == 1 && SCMP_KV_3_0 == 2 && SCMP_KV_4_0 == 22 && SCMP_KV_5_19 == 62);
	CHECK(sizeof(enum scmp_kver) == sizeof(int) && SCMP_KV_6_17 + 1 == __SCMP_KV_MAX);
	CHECK(seccomp_api_get() >= 1 && seccomp_api_get() <= 7);
	CHECK(seccomp_api_set(7) == 0 && seccomp_api_get() == 7);
	return 0;
}

static int transactions(void)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_KILL);
	size_t before = 0, len = 0;

	CHECK(seccomp_attr_get(ctx, SCMP_FLTATR_CTL_NNP, NULL) == -EINVAL);
	seccomp_transaction_reject(ctx);
	CHECK(seccomp_transaction_commit(ctx) == 0);
	CHECK(seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(read), 0) == 0);
	CHECK(seccomp_export_bpf_mem(ctx, NULL, &before) == 0 && before > 0);
	CHECK(seccomp_transaction_start(ctx) == 0);
	CHECK(seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(write), 1, SCMP_A0(SCMP_CMP_EQ, 1)) == 0);
	CHECK(seccomp_transaction_start(ctx) == 0);
	CHECK(seccomp_arch_add(ctx, SCMP_ARCH_X86) == 0);
	CHECK(seccomp_transaction_commit(ctx) == 0);
	CHECK(seccomp_arch_exist(ctx, SCMP_ARCH_X86) == 0);
	CHECK(seccomp_export_bpf_mem(ctx, NULL, &len) == 0 && len > before);
	seccomp_transaction_reject(ctx);
	CHECK(seccomp_arch_exist(ctx, SCMP_ARCH_X86) == -EEXIST);
	CHECK(seccomp_export_bpf_mem(ctx, NULL, &len) == 0 && len == before);
	CHECK(seccomp_transaction_start(ctx) == 0);
	seccomp_release(ctx);
	return 0;
}

static int memory(void)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_KILL);
	size_t len = 0, small;
	unsigned char *program;

	CHECK(seccomp_precompute(ctx) == 0);
	CHECK(seccomp_export_bpf_mem(ctx, NULL, NULL) == -EINVAL);
	CHECK(seccomp_export_bpf_mem(ctx, NULL, &len) == 0 && len > 0 && len % 8 == 0);
	program = malloc(len);
	memset(program, 0xaa, len);
	small = len - 1;
	CHECK(seccomp_export_bpf_mem(ctx, program, &small) == -ERANGE && small == len);
	CHECK(program[0] == 0xaa && program[len - 1] == 0xaa);
	CHECK(seccomp_export_bpf_mem(ctx, program, &small) == 0);
	CHECK(program[0] != 0xaa);
	free(program);
	seccomp_release(ctx);
	return 0;
}

static void *build(void *unused)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(1));
	int good = 1;

	(void)unused;
	for (int nr = 0; nr < 40; nr++)
		good &= seccomp_rule_add(ctx, SCMP_ACT_ALLOW, nr, 1, SCMP_A0(SCMP_CMP_GE, 1)) == 0;
	good &= seccomp_precompute(ctx) == 0;
	seccomp_release(ctx);
	return good ? &checks : NULL;
}

static int threads(void)
{
	pthread_t running[4];
	void *good = NULL;

	for (int i = 0; i < 4; i++)
		CHECK(pthread_create(&running[i], NULL, build, NULL) == 0);
	for (int i = 0; i < 4; i++)
		CHECK(pthread_join(running[i], &good) == 0 && good != NULL);
	return 0;
}

/* A filter made before a fork is loaded after it, and the child can end. */
static int after_fork(void)
{
	scmp_filter_ctx ctx;
	int status = 0;
	pid_t child;

	/* valgrind does not know seccomp(2), and needs calls of its own. */
	if (seccomp_api_get() == 1)
		return 0;
	ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
	CHECK(seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(exit_group), 0) == 0);
	CHECK(seccomp_precompute(ctx) == 0);
	child = fork();
	if (child == 0)
		_exit(seccomp_load(ctx) == 0 ? 0 : 1);
	CHECK(waitpid(child, &status, 0) == child && status == 0);
	seccomp_release(ctx);
	return 0;
}

int main(void)
{
	int failed = nulls() || transactions() || memory() || threads() || after_fork() || version();

	if (!failed)
		printf("%d checks\n", checks);
	return failed;
}

/*
 * What happens when malloc has no more: every call of the interface succeeds or answers -ENOMEM, and after -ENOMEM the context
 * works as if the call had not been made. And a filter that was precomputed is loaded without any allocation, in a child of a
 * program with threads.
 *
 * The program's own malloc stands before the C library's, also for the library under test.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <seccomp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shapes.h"

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *memory, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

/* Allocations are refused once this many more were made, that one alone or all from it on; none while negative. */
static atomic_long left = -1;
static atomic_int only_one;
static atomic_long refused;
static atomic_long allocations;
static long enomem, total;

static int refuse(size_t size)
{
	(void)size;
	allocations++;
	if (left < 0)
		return 0;
	if (left > 0) {
		left--;
		return 0;
	}
	if (only_one)
		left = -1;
	refused++;
	errno = ENOMEM;
	return 1;
}

void *malloc(size_t size)
{
	return refuse(size) ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	return refuse(count * size) ? NULL : __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size)
{
	return refuse(size) ? NULL : __libc_realloc(memory, size);
}

int posix_memalign(void **memory, size_t alignment, size_t size)
{
	if (refuse(size))
		return ENOMEM;
	*memory = __libc_memalign(alignment, size);
	return *memory ? 0 : ENOMEM;
}

static void fail(int line, const char *what, int got)
{
	left = -1;
	fprintf(stderr, "line %d: %s: %d\n", line, what, got);
	_exit(1);
}

#define CHECK(condition)                                       \
	do {                                                   \
		if (!(condition))                              \
			fail(__LINE__, #condition, 0);         \
	} while (0)

/* Makes a call; after -ENOMEM again, with memory. */
#define CALL(expected, call)                                   \
	do {                                                   \
		int got_ = (call);                             \
		if (got_ == -ENOMEM) {                         \
			CHECK(refused > 0);                    \
			enomem++;                              \
			left = -1;                             \
			got_ = (call);                         \
		}                                              \
		if (got_ != (expected))                        \
			fail(__LINE__, #call, got_);           \
	} while (0)

#define POINTER(target, call)                                  \
	do {                                                   \
		(target) = (call);                             \
		if (!(target)) {                               \
			CHECK(refused > 0);                    \
			enomem++;                              \
			left = -1;                             \
			(target) = (call);                     \
		}                                              \
		CHECK(target);                                 \
	} while (0)



/* The rules of a shape. Some are answered with other codes than 0, which are those of the first run, too. */
static void rules(scmp_filter_ctx ctx, unsigned long number)
{
	struct shape shape = shape_of(number);

	for (int i = 0; i < shape.rules; i++) {
		struct scmp_arg_cmp args[6];
		int syscall, code;
		unsigned int count = shape_rule(&shape, args, &syscall);
		uint32_t action = SCMP_ACT_ERRNO(3 + shape_random(3));

		code = seccomp_rule_add_array(ctx, action, syscall, count, args);
		if (code == -ENOMEM) {
			CHECK(refused > 0);
			enomem++;
			left = -1;
			code = seccomp_rule_add_array(ctx, action, syscall, count, args);
		}
		CHECK(code == 0 || code == -EEXIST || code == -EFAULT || code == -EDOM);
	}
}

/* The whole interface but for the functions that wait for a kernel; the program at the end is left in `program`. */
static size_t everything(unsigned long number, unsigned char *program, size_t room)
{
	scmp_filter_ctx ctx, other;
	uint32_t value;
	size_t len = room;
	char *name;
	int sink = open("/dev/null", O_WRONLY);

	POINTER(ctx, seccomp_init(SCMP_ACT_ERRNO(1)));
	CALL(0, seccomp_reset(ctx, SCMP_ACT_ERRNO(2)));
	CALL(0, seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2));
	CALL(0, seccomp_attr_get(ctx, SCMP_FLTATR_CTL_OPTIMIZE, &value));
	CALL(0, seccomp_arch_add(ctx, SCMP_ARCH_X86));
	CALL(0, seccomp_arch_add(ctx, SCMP_ARCH_ARM));
	CALL(0, seccomp_arch_remove(ctx, SCMP_ARCH_ARM));
	rules(ctx, number);
	CALL(0, seccomp_syscall_priority(ctx, SCMP_SYS(read), 7));
	CALL(0, seccomp_transaction_start(ctx));
	CALL(0, seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(getpid), 0));
	CALL(0, seccomp_transaction_start(ctx));
	CALL(0, seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_LE, 3)));
	seccomp_transaction_reject(ctx);
	CALL(0, seccomp_transaction_commit(ctx));
	POINTER(other, seccomp_init(SCMP_ACT_ERRNO(2)));
	CALL(0, seccomp_arch_add(other, SCMP_ARCH_AARCH64));
	CALL(0, seccomp_arch_remove(other, SCMP_ARCH_NATIVE));
	CALL(0, seccomp_merge(ctx, other));
	CALL(0, seccomp_export_pfc(ctx, sink));
	CALL(0, seccomp_precompute(ctx));
	CALL(0, seccomp_export_bpf(ctx, sink));
	CALL(0, seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(getppid), 0));
	CALL(0, seccomp_export_bpf_mem(ctx, program, &len));
	CALL(3, seccomp_syscall_resolve_name("close"));
	POINTER(name, seccomp_syscall_resolve_num_arch(SCMP_ARCH_X86, 3));
	CHECK(!strcmp(name, "read"));
	free(name);
	seccomp_release(ctx);
	close(sink);
	return len;
}

/* Lets the n-th allocation fail, alone or with all behind it: every one of a few, or so many of a multitude. */
static void refusals(unsigned long number)
{
	static unsigned char expected[32768], program[32768];
	long before = allocations, runs = 0, step;
	size_t len = everything(number, expected, sizeof expected);

	step = 1 + (allocations - before) / 200;
	for (int one = 0; one < 2; one++) {
		for (long n = 0;; n += step) {
			refused = 0;
			only_one = one;
			left = n;
			before = allocations;
			CHECK(everything(number, program, sizeof program) == len);
			CHECK(!memcmp(program, expected, len));
			if (left > 0 || (!refused && allocations - before <= n))
				break;
			left = -1;
			runs++;
		}
		left = -1;
	}
	CHECK(runs > 2 && enomem > 2);
	total += runs;
}

static void *wait_for_ever(void *unused)
{
	pause();
	return unused;
}

static void precomputed_load(void)
{
	scmp_filter_ctx ctx;
	pthread_t thread;
	int status;
	pid_t child;

	CHECK(!pthread_create(&thread, NULL, wait_for_ever, NULL));
	POINTER(ctx, seccomp_init(SCMP_ACT_ALLOW));
	CALL(0, seccomp_rule_add(ctx, SCMP_ACT_ERRNO(7), SCMP_SYS(getppid), 0));
	CALL(0, seccomp_precompute(ctx));
	child = fork();
	if (!child) {
		allocations = 0;
		left = 0;
		only_one = 0;
		if (seccomp_load(ctx) || allocations)
			_exit(1);
		_exit(syscall(SYS_getppid) == -1 && errno == 7 ? 0 : 2);
	}
	CHECK(child > 0 && waitpid(child, &status, 0) == child);
	if (status)
		fail(__LINE__, "the child's status", status);
	seccomp_release(ctx);
}

int main(int argc, char **argv)
{
	unsigned long first = argc > 1 ? strtoul(argv[1], NULL, 10) : 1;
	unsigned long count = argc > 2 ? strtoul(argv[2], NULL, 10) : 4;

	for (unsigned long number = first; number < first + count; number++)
		refusals(number);
	precomputed_load();
	printf("%lu filters: %ld refusals, %ld times -ENOMEM; a precomputed load allocated nothing\n", count, total, enomem);
	return 0;
}

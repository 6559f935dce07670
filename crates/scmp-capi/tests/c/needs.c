/*
 * What a libseccomp needs to build a filter: memory, address space, stack, time, system calls. `cargo xtask abi` runs it with
 * two libraries and compares.
 *
 *   needs memory FIRST COUNT  for each shape: code, instructions, most bytes in use, most bytes asked for at once, nanoseconds
 *   needs dense FIRST COUNT   for each dense set of equalities: code, instructions, nanoseconds
 *   needs stack FIRST COUNT   each shape in a thread of the least stack there is: code, instructions
 *   needs limit FIRST COUNT   each shape under a limit of the address space that grows in steps: codes and signals
 *   needs second RULES        a filter under a filter that kills whoever asks for a mapping
 *   needs calls FIRST COUNT   builds dense sets between two calls of getpriority(2), for strace
 *   needs clock FIRST COUNT   how often the clock was read while the shapes were built
 *   needs bytes FIRST COUNT   the programs of the shapes, for a comparison of runs
 *   needs signal              loads a precomputed filter in a handler that interrupts malloc
 *
 * The program's own malloc stands before the C library's, also for the library under test.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <pthread.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "shapes.h"

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *memory, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void *memory);

static size_t in_use, most, largest;

static void *counted(void *memory, size_t size)
{
	if (memory)
		in_use += malloc_usable_size(memory);
	if (in_use > most)
		most = in_use;
	if (size > largest)
		largest = size;
	return memory;
}

static void uncounted(void *memory)
{
	if (memory)
		in_use -= malloc_usable_size(memory);
}

void *malloc(size_t size)
{
	return counted(__libc_malloc(size), size);
}

void *calloc(size_t count, size_t size)
{
	return counted(__libc_calloc(count, size), count * size);
}

void *realloc(void *memory, size_t size)
{
	void *moved;

	uncounted(memory);
	moved = __libc_realloc(memory, size);
	if (!moved && size)
		counted(memory, 0);
	return moved ? counted(moved, size) : NULL;
}

int posix_memalign(void **memory, size_t alignment, size_t size)
{
	*memory = counted(__libc_memalign(alignment, size), size);
	return *memory ? 0 : ENOMEM;
}

void free(void *memory)
{
	uncounted(memory);
	__libc_free(memory);
}

static long reads_of_the_clock;

/* Leaps an hour with each look at it: what is built must not depend on the time it takes. */
int clock_gettime(clockid_t clock, struct timespec *now)
{
	int result = (int)syscall(SYS_clock_gettime, clock, now);

	reads_of_the_clock++;
	now->tv_sec += 3600 * reads_of_the_clock;
	return result;
}

static long long nanoseconds(void)
{
	struct timespec now;

	syscall(SYS_clock_gettime, CLOCK_THREAD_CPUTIME_ID, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

/*
 * Adds the architectures and rules of a shape: 0, or the first code but for those that rules of any kind may be answered with
 * (they contradict each other, or mean nothing on an architecture).
 */
static int shape_build(scmp_filter_ctx ctx, const struct shape *shape)
{
	static const uint32_t arches[] = {SCMP_ARCH_X86, SCMP_ARCH_AARCH64, SCMP_ARCH_X32};

	for (int i = 1; i < shape->arches; i++) {
		int code = seccomp_arch_add(ctx, arches[i - 1]);

		if (code)
			return code;
	}
	for (int i = 0; i < shape->rules; i++) {
		struct scmp_arg_cmp args[6];
		int syscall, code;
		unsigned int count = shape_rule(shape, args, &syscall);

		code = seccomp_rule_add_array(ctx, SCMP_ACT_ERRNO(1 + shape_random(3)), syscall, count, args);
		if (code && code != -EEXIST && code != -EFAULT && code != -EDOM)
			return code;
	}
	return 0;
}

/* What building a filter gave: 0 or a code, and the program's length in instructions. */
struct built {
	int code;
	size_t instructions;
};

static struct built export(scmp_filter_ctx ctx, int sink)
{
	struct built built = {0, 0};

	/* Not to memory, which the installed library may not know. */
	built.code = seccomp_export_bpf(ctx, sink);
	if (!built.code) {
		built.instructions = (size_t)lseek(sink, 0, SEEK_CUR) / 8;
		lseek(sink, 0, SEEK_SET);
	}
	return built;
}

static struct built build(unsigned long number, int sink)
{
	struct built built = {0, 0};
	struct shape shape = shape_of(number);
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);

	if (!ctx)
		return (struct built){-ENOMEM, 0};
	built.code = shape_build(ctx, &shape);
	if (!built.code)
		built = export(ctx, sink);
	seccomp_release(ctx);
	return built;
}

static int sink_file(void)
{
	int sink = memfd_create("programs", 0);

	if (sink < 0)
		exit(9);
	return sink;
}

/* Runs a function for each number in a child that has some seconds: one of the libraries has filters that it never ends. */
static void each(unsigned long first, unsigned long count, void (*function)(unsigned long number, int sink))
{
	int sink = sink_file();

	for (unsigned long number = first; number < first + count; number++) {
		int status;
		pid_t child;

		fflush(stdout);
		child = fork();
		if (!child) {
			alarm(3);
			function(number, sink);
			fflush(stdout);
			_exit(0);
		}
		waitpid(child, &status, 0);
		if (status) {
			printf("%lu ended: status %#x\n", number, status);
			if (ftruncate(sink, 0))
				exit(9);
			lseek(sink, 0, SEEK_SET);
		}
	}
}

static void memory(unsigned long number, int sink)
{
	struct shape shape = shape_of(number);
	struct built built = {0, 0};
	long long best = LLONG_MAX;
	size_t base = 0;

	for (int repeat = 0; repeat < 3; repeat++) {
		long long start = nanoseconds();

		base = most = in_use;
		largest = 0;
		built = build(number, sink);
		start = nanoseconds() - start;
		if (start < best)
			best = start;
		if (start > 20000000)
			break;
	}
	printf("%lu %d rules, %d arches, %d calls, %d comparisons, operator %d, constants %d: %d %zu %zu %zu %lld\n",
	       number, shape.rules, shape.arches, shape.syscalls, shape.comparisons, shape.operator,
	       shape.constants, built.code, built.instructions, most - base, largest, best);
}

/* 1 to 60 syscalls with 1 to 60 rules each: often the same ones, equalities of one to three arguments. */
static void dense(unsigned long number, int sink)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	struct built built;
	long long start;
	int calls, rules, kind, same, comparisons;
	uint64_t seed;

	shape_state = number * 0x9e3779b97f4a7c15u + 1;
	calls = 1 + (int)shape_random(60);
	rules = 1 + (int)shape_random(60);
	kind = (int)shape_random(3);
	same = (int)shape_random(3);
	comparisons = 1 + (int)shape_random(3);
	seed = shape_state;
	start = nanoseconds();
	for (int call = 0; call < calls; call++) {
		if (same)
			shape_state = seed;
		for (int rule = 0; rule < rules; rule++) {
			struct shape shape = {.comparisons = comparisons, .syscalls = 1,
					      .operator = kind ? -1 : SCMP_CMP_EQ, .constants = kind};
			struct scmp_arg_cmp args[6];
			int nr;
			unsigned int length = shape_rule(&shape, args, &nr);

			seccomp_rule_add_array(ctx, SCMP_ACT_ERRNO(1 + (same == 2 ? rule % 50 : 0)), call, length,
					       args);
		}
	}
	built = export(ctx, sink);
	printf("%lu %d calls, %d rules: %d %zu %lld\n", number, calls, rules, built.code, built.instructions,
	       nanoseconds() - start);
	seccomp_release(ctx);
}

static unsigned long stack_number;
static int stack_sink;

static void *on_small_stack(void *out)
{
	static unsigned long ignored;
	struct built built = build(stack_number, stack_sink);
	struct shape shape = shape_of(stack_number);
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW), other = seccomp_init(SCMP_ACT_ALLOW);
	char *name;

	*(struct built *)out = built;
	/* The rest of the interface. */
	ignored += (unsigned long)shape_build(ctx, &shape);
	ignored += (unsigned long)seccomp_syscall_priority(ctx, SCMP_SYS(read), 7);
	ignored += (unsigned long)seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	ignored += (unsigned long)seccomp_export_pfc(ctx, stack_sink);
	lseek(stack_sink, 0, SEEK_SET);
	seccomp_arch_add(other, SCMP_ARCH_RISCV64);
	seccomp_arch_remove(other, SCMP_ARCH_NATIVE);
	ignored += (unsigned long)seccomp_merge(ctx, other);
	ignored += (unsigned long)seccomp_reset(ctx, SCMP_ACT_KILL);
	name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_X86, 3);
	ignored += (unsigned long)seccomp_syscall_resolve_name(name);
	free(name);
	seccomp_release(ctx);
	return NULL;
}

static void stack(unsigned long first, unsigned long count)
{
	pthread_attr_t attributes;

	stack_sink = sink_file();
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, PTHREAD_STACK_MIN);
	pthread_attr_setguardsize(&attributes, 1 << 20);
	for (stack_number = first; stack_number < first + count; stack_number++) {
		int status;
		pid_t child;

		fflush(stdout);
		child = fork();
		if (!child) {
			struct built built = {1, 0};
			pthread_t thread;

			if (pthread_create(&thread, &attributes, on_small_stack, &built))
				_exit(9);
			pthread_join(thread, NULL);
			printf("%lu: %d %zu\n", stack_number, built.code, built.instructions);
			fflush(stdout);
			_exit(0);
		}
		waitpid(child, &status, 0);
		if (status)
			printf("%lu: status %#x\n", stack_number, status);
	}
}

static long address_space(void)
{
	char text[64] = "";
	int file = open("/proc/self/statm", O_RDONLY);
	ssize_t length = read(file, text, sizeof text - 1);

	close(file);
	return length > 0 ? atol(text) * sysconf(_SC_PAGESIZE) : 0;
}

/* Steps of 64 KiB until the filter is built, and so for how many it was not. */
static void limit(unsigned long first, unsigned long count)
{
	int sink = sink_file();

	for (unsigned long number = first; number < first + count; number++) {
		int refused = 0, other = 0, signals = 0, code = 1;

		for (long kib = 0; kib <= 64 << 10 && code; kib += 64) {
			int status;
			pid_t child;

			fflush(stdout);
			child = fork();
			if (!child) {
				struct rlimit limit;

				limit.rlim_cur = limit.rlim_max = (rlim_t)(address_space() + (kib << 10));
				setrlimit(RLIMIT_AS, &limit);
				code = build(number, sink).code;
				_exit(code == 0 ? 0 : code == -ENOMEM ? 1 : 2);
			}
			waitpid(child, &status, 0);
			code = status;
			signals += WIFSIGNALED(status);
			refused += WIFEXITED(status) && WEXITSTATUS(status) == 1;
			if (WIFEXITED(status) && WEXITSTATUS(status) == 2) {
				other++;
				code = 0;
			}
		}
		printf("%lu: %d refused, %d signals, %d other\n", number, refused, signals, other);
	}
}

static int second(int rules)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mmap, 4, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_munmap, 3, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mprotect, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mremap, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	};
	struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
	scmp_filter_ctx ctx;
	int code = 0;

	/* What is done once: the dynamic linker resolves, and the kernel is asked. */
	seccomp_release(seccomp_init(SCMP_ACT_ALLOW));
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		return 9;
	ctx = seccomp_init(SCMP_ACT_ALLOW);
	for (int i = 0; i < rules && !code; i++) {
		struct scmp_arg_cmp args[] = {SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)i),
					      SCMP_A2(SCMP_CMP_MASKED_EQ, 0xff, (scmp_datum_t)i)};

		code = seccomp_rule_add_array(ctx, SCMP_ACT_ERRNO(1), i % 40 + 150, i % 3 ? 0 : 2, args);
		if (code == -EEXIST)
			code = 0;
	}
	if (!code)
		code = seccomp_load(ctx);
	seccomp_release(ctx);
	return code ? 1 : 0;
}

static void bytes(unsigned long first, unsigned long count)
{
	for (unsigned long number = first; number < first + count; number++) {
		struct shape shape = shape_of(number);
		scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);

		if (!shape_build(ctx, &shape))
			seccomp_export_bpf(ctx, 1);
		seccomp_release(ctx);
	}
}

static scmp_filter_ctx precomputed;

static void load(int signal)
{
	(void)signal;
	if (seccomp_load(precomputed))
		_exit(1);
	_exit(syscall(SYS_getppid) == -1 && errno == 7 ? 0 : 2);
}

/* A handler that runs while malloc holds its lock must not ask for memory. */
static int in_handler(void)
{
	for (int run = 0; run < 50; run++) {
		int status;
		pid_t child = fork();

		if (!child) {
			struct itimerval soon = {{0, 0}, {0, 200 + 37 * run}};
			void *held[64] = {NULL};

			alarm(20);
			precomputed = seccomp_init(SCMP_ACT_ALLOW);
			seccomp_rule_add(precomputed, SCMP_ACT_ERRNO(7), SCMP_SYS(getppid), 0);
#if SCMP_VER_MINOR >= 6
			seccomp_precompute(precomputed);
#endif
			signal(SIGALRM, SIG_DFL);
			signal(SIGVTALRM, load);
			setitimer(ITIMER_VIRTUAL, &soon, NULL);
			for (unsigned int i = 0;; i++) {
				free(held[i % 64]);
				held[i % 64] = malloc(16 + i % 5000);
			}
		}
		waitpid(child, &status, 0);
		if (status) {
			printf("run %d: status %#x\n", run, status);
			return 1;
		}
	}
	return 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	unsigned long first = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
	unsigned long count = argc > 3 ? strtoul(argv[3], NULL, 10) : 1;

	/* What is found out once is nobody's cost, and what the dynamic linker takes to find this program's functions, too. */
	seccomp_release(seccomp_init(SCMP_ACT_ALLOW));
	free(realloc(calloc(1, 16), 64));
	if (!strcmp(what, "memory")) {
		each(first, count, memory);
	} else if (!strcmp(what, "dense")) {
		each(first, count, dense);
	} else if (!strcmp(what, "stack")) {
		stack(first, count);
	} else if (!strcmp(what, "limit")) {
		limit(first, count);
	} else if (!strcmp(what, "second")) {
		return second((int)first);
	} else if (!strcmp(what, "signal")) {
		return in_handler();
	} else if (!strcmp(what, "bytes")) {
		bytes(first, count);
	} else if (!strcmp(what, "calls")) {
		int sink = sink_file();

		syscall(SYS_getpriority, 0, 0);
		for (unsigned long number = first; number < first + count; number++)
			dense(number, sink);
		syscall(SYS_getpriority, 0, 0);
	} else if (!strcmp(what, "clock")) {
		int sink = sink_file();

		reads_of_the_clock = 0;
		for (unsigned long number = first; number < first + count; number++)
			build(number, sink);
		printf("%ld\n", reads_of_the_clock);
	} else {
		return 9;
	}
	return 0;
}

/*
 * Many threads build filters while allocations are refused, processes fork and load what they built, one context is used by
 * several threads at once, and the library is opened and closed.
 *
 *   stress LIBRARY SECONDS THREADS
 *
 * The program's own malloc stands before the C library's, also for the library under test.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "shapes.h"

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *memory, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

/* One of so many allocations of a thread is refused; none while zero. */
static __thread unsigned int one_of, allocation;

static int refuse(void)
{
	if (!one_of || ++allocation % one_of)
		return 0;
	errno = ENOMEM;
	return 1;
}

void *malloc(size_t size)
{
	return refuse() ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	return refuse() ? NULL : __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size)
{
	return refuse() ? NULL : __libc_realloc(memory, size);
}

int posix_memalign(void **memory, size_t alignment, size_t size)
{
	if (refuse())
		return ENOMEM;
	*memory = __libc_memalign(alignment, size);
	return *memory ? 0 : ENOMEM;
}

static scmp_filter_ctx (*init)(uint32_t);
static int (*add)(scmp_filter_ctx, uint32_t, int, unsigned int, const struct scmp_arg_cmp *);
static int (*start)(const scmp_filter_ctx);
static void (*reject)(const scmp_filter_ctx);
static int (*export)(const scmp_filter_ctx, int);
static int (*load)(const scmp_filter_ctx);
static void (*release)(scmp_filter_ctx);

static scmp_filter_ctx shared;
static atomic_int stop;
static atomic_long built, refused, in_use, forks, bad;

static int expected(int code)
{
	if (code == -ENOMEM)
		refused++;
	return code == 0 || code == -ENOMEM || code == -EEXIST || code == -EFAULT || code == -EDOM;
}

static void check(int condition, const char *what)
{
	if (!condition) {
		bad++;
		fprintf(stderr, "%s\n", what);
	}
}

/* A child of a program with threads loads a filter and ends by it. */
static void in_child(scmp_filter_ctx ctx)
{
	int status;
	pid_t child = fork();

	if (!child) {
		one_of = 0;
		alarm(20);
		if (load(ctx))
			_exit(1);
		_exit(syscall(SYS_getppid) == -1 && errno == 7 ? 0 : 2);
	}
	if (child > 0 && waitpid(child, &status, 0) == child)
		check(status == 0, "a child failed");
	forks++;
}

static void *work(void *argument)
{
	unsigned long number = (unsigned long)argument;
	int sink = open("/dev/null", O_WRONLY | O_CLOEXEC);
	struct scmp_arg_cmp args[6];

	for (; !stop; number += 64) {
		struct shape shape = shape_of(number);
		scmp_filter_ctx ctx;
		int syscall;

		one_of = number % 3 ? 3 + (unsigned int)(number / 3 % 50) : 0;
		ctx = init(SCMP_ACT_ALLOW);
		if (!ctx) {
			refused++;
			continue;
		}
		if (shape.rules > 60)
			shape.rules = 60;
		for (int i = 0; i < shape.rules; i++) {
			unsigned int count = shape_rule(&shape, args, &syscall);

			check(expected(add(ctx, SCMP_ACT_ERRNO(1), syscall, count, args)), "adding a rule");
		}
		if (number % 4 == 0 && expected(start(ctx))) {
			check(expected(add(ctx, SCMP_ACT_ERRNO(2), 1000, 0, NULL)), "adding in a transaction");
			reject(ctx);
		}
		check(expected(export(ctx, sink)), "exporting");
		release(ctx);
		one_of = 0;
		/* A mistake of the caller: one context for all threads. */
		syscall = add(shared, SCMP_ACT_ERRNO(1), (int)(number % 300), 0, NULL);
		check(syscall == 0 || syscall == -EFAULT, "adding to the shared context");
		in_use += syscall == -EFAULT;
		if (number % 16 == 0) {
			ctx = init(SCMP_ACT_ALLOW);
			check(ctx && !add(ctx, SCMP_ACT_ERRNO(7), SYS_getppid, 0, NULL), "a small filter");
			in_child(ctx);
			release(ctx);
		}
		built++;
	}
	close(sink);
	return NULL;
}

static void *symbol(void *library, const char *name)
{
	void *found = dlsym(library, name);

	if (!found)
		exit(9);
	return found;
}

static void round_of(const char *path, int threads, long milliseconds)
{
	struct timespec pause = {milliseconds / 1000, milliseconds % 1000 * 1000000};
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	pthread_t running[64];

	if (!library) {
		fprintf(stderr, "%s\n", dlerror());
		exit(9);
	}
	*(void **)&init = symbol(library, "seccomp_init");
	*(void **)&add = symbol(library, "seccomp_rule_add_array");
	*(void **)&start = symbol(library, "seccomp_transaction_start");
	*(void **)&reject = symbol(library, "seccomp_transaction_reject");
	*(void **)&export = symbol(library, "seccomp_export_bpf");
	*(void **)&load = symbol(library, "seccomp_load");
	*(void **)&release = symbol(library, "seccomp_release");
	shared = init(SCMP_ACT_ALLOW);
	stop = 0;
	for (int i = 0; i < threads; i++)
		check(!pthread_create(&running[i], NULL, work, (void *)(unsigned long)(i + 1)), "a thread");
	nanosleep(&pause, NULL);
	stop = 1;
	for (int i = 0; i < threads; i++)
		pthread_join(running[i], NULL);
	release(shared);
	check(!dlclose(library), "closing the library");
}

int main(int argc, char **argv)
{
	long milliseconds = argc > 2 ? 1000 * atol(argv[2]) : 2000;
	int threads = argc > 3 ? atoi(argv[3]) : 16;

	if (argc < 2 || threads > 64)
		return 9;
	for (int round = 0; round < 8; round++)
		round_of(argv[1], threads, milliseconds / 8);
	printf("%d threads: %ld filters, %ld refusals answered, %ld calls on a context in use, %ld children\n", threads,
	       (long)built, (long)refused, (long)in_use, (long)forks);
	return bad || built < 8 || refused < 8 || forks < 1 ? 1 : 0;
}

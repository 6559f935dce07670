/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Policies in any form as libseccomp's filters, and tests of them, for programs in C.
 *
 *   #include <callgate.h>          cc $(pkg-config --cflags --libs callgate)
 *
 *   scmp_filter_ctx filter;
 *
 *   if (callgate_filter_from_file(&filter, "server.gate") < 0)
 *           errx(1, "%s", callgate_error());
 *   callgate_report();             where the policy says trap: names the call
 *   seccomp_load(filter);
 *   seccomp_release(filter);
 *
 * A policy is a file in the language (*.gate), a profile of Docker, Podman or an OCI runtime, a
 * SeccompProfile, a systemd unit, a policy of minijail, kafel, nsjail, seccompiler, firejail, LXC or
 * snapd, or libseccomp's pseudo code: its form is found out by its content. It is read for this
 * machine: its architecture, and the kernel that runs.
 *
 * The functions of the first part are in libcallgate; they use the libseccomp that the program has,
 * by its public functions. callgate_report() is in this header alone and needs no library but
 * libseccomp.
 *
 * Functions return a negative errno where they fail, as libseccomp's do, and callgate_error() says
 * why. They may be called by any thread; a filter by one thread at a time. They are not for signal
 * handlers. Where memory is out, they end the process (SIGABRT).
 *
 * Needs what <signal.h> and <ucontext.h> declare by default, or with _GNU_SOURCE; not -std=c99 alone.
 *
 * References: https://github.com/callgate/callgate, docs/guide/src/c-programs.md; seccomp_init(3).
 */
#ifndef CALLGATE_H
#define CALLGATE_H

#include <errno.h>
#include <seccomp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Makes a filter of the policy in a file, with the files that it includes; of a unit with the
 * drop-ins beside it. The filter is a context of libseccomp's: change it, load it with
 * seccomp_load(3), and free it with seccomp_release(3). Flags that a container profile asks for are
 * set as attributes. Where it fails, *filter is not written.
 *
 * What libseccomp makes of the policy is exported and proved to mean it. Calls that nobody makes may
 * be refused in another way than the policy says: numbers that no syscall has, and architectures
 * that the policy is not for.
 *
 * Returns 0, or
 *   -EINVAL      the text is no policy (callgate_error(): FILE:LINE:COLUMN: ...), or an argument is
 *                NULL
 *   -EFBIG       the text is longer than 4 MiB
 *   -EOPNOTSUPP  libseccomp has no words for the policy (which rule, says the text), this release of
 *                it does not know a syscall, or makes another filter of the rules
 *   -EFAULT      an internal error
 *   the errno of open(2) and read(2), and what libseccomp's functions return
 */
int callgate_filter_from_file(scmp_filter_ctx *filter, const char *path);

/*
 * The same for a text, which ends with a zero. name is what messages call it ("NAME:LINE:COLUMN"),
 * NULL for "policy". A text includes no files.
 */
int callgate_filter_from_text(scmp_filter_ctx *filter, const char *policy, const char *name);

/*
 * Why the last function of libcallgate failed in this thread, or what callgate_denied() found; several
 * lines perhaps, without the last newline. Empty where it succeeded; never NULL. The text stays until
 * the thread calls another function of libcallgate, and is not to be freed.
 */
const char *callgate_error(void);

/*
 * What is remarkable about the policy that this thread read last, such as a rule that a runtime
 * ignores; empty where nothing is. As callgate_error() otherwise.
 */
const char *callgate_warnings(void);

/*
 * Runs function(data) in a forked child under the filter, and says which of its calls, and of all
 * that it starts, the filter refuses. Refused calls are made all the same, so that one run finds all
 * of them: this process is as before, but what the function does to files is done. The function
 * returns 0 where all went well for it. The child shares no memory with this process but what was
 * shared before, and does not run exit handlers.
 *
 * Returns how many different calls the filter refuses, 0 for none; callgate_error() lists them, with
 * the lines of the language that would allow them. Or
 *   -ECHILD      nothing was refused, but the function returned something else than 0, or was ended
 *                by a signal
 *   -EINVAL      an argument is NULL
 *   -EBUSY       a filter with a listener is in force already
 *   -EOPNOTSUPP  the program that libseccomp makes is none of constant answers
 *   the errno of the kernel, which needs Linux 5.5
 */
int callgate_denied(scmp_filter_ctx filter, int (*function)(void *data), void *data);

/*
 * Ends this process (SIGABRT) unless the filter allows all that function(data) does, with the place
 * and what is missing on standard error. For tests.
 */
#define callgate_assert_allows(filter, function, data) \
	callgate_assert_allows_(__FILE__, __LINE__, filter, function, data)

static inline void callgate_assert_allows_(const char *file, int line, scmp_filter_ctx filter,
					   int (*function)(void *data), void *data)
{
	if (callgate_denied(filter, function, data) != 0) {
		fprintf(stderr, "%s:%d: %s\n", file, line, callgate_error());
		abort();
	}
}

/*
 * The rest is in this header alone.
 */

#ifndef SYS_SECCOMP
#define SYS_SECCOMP 1
#endif

/* The names of this machine's calls: a handler can't ask for them. */
#define CALLGATE_CALLS 1024
#define CALLGATE_NAME 32
static char callgate_names_[CALLGATE_CALLS][CALLGATE_NAME];

/* A line that is put together without an allocator; what does not fit is cut off. */
struct callgate_line_ {
	char text[512];
	size_t length;
};

static inline void callgate_put_(struct callgate_line_ *line, const char *text)
{
	while (*text != '\0' && line->length < sizeof(line->text) - 1)
		line->text[line->length++] = *text++;
}

static inline void callgate_number_(struct callgate_line_ *line, uint64_t value, unsigned base)
{
	char digits[24];
	size_t at = sizeof(digits) - 1;

	digits[at] = '\0';
	do {
		digits[--at] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value != 0);
	if (base == 16)
		callgate_put_(line, "0x");
	callgate_put_(line, &digits[at]);
}

/* The arguments as they were before the call, where the registers are known here. */
static inline int callgate_arguments_(const ucontext_t *context, uint64_t args[6])
{
#if defined(__x86_64__) && !defined(__ILP32__)
	/* rdi, rsi, rdx, r10, r8, r9 */
	static const int order[6] = { 8, 9, 12, 2, 0, 1 };
	int i;

	for (i = 0; i < 6; i++)
		args[i] = (uint64_t)context->uc_mcontext.gregs[order[i]];
	return 1;
#elif defined(__aarch64__)
	int i;

	for (i = 0; i < 6; i++)
		args[i] = context->uc_mcontext.regs[i];
	return 1;
#else
	(void)context;
	(void)args;
	return 0;
#endif
}

/* Has the program make the call again, which ends it: the handler is off by then. */
static inline int callgate_rewind_(ucontext_t *context, const void *address)
{
#if defined(__x86_64__) && !defined(__ILP32__)
	const int rip = 16;

	/* Where they differ, the call came from the vsyscall page. */
	if ((uint64_t)context->uc_mcontext.gregs[rip] != (uint64_t)(uintptr_t)address)
		return 0;
	context->uc_mcontext.gregs[rip] -= 2;
	return 1;
#elif defined(__aarch64__)
	(void)address;
	context->uc_mcontext.pc -= 4;
	return 1;
#else
	(void)context;
	(void)address;
	return 0;
#endif
}

static inline void callgate_trapped_(int signal, siginfo_t *info, void *raw)
{
	ucontext_t *context = (ucontext_t *)raw;
	struct callgate_line_ line = { { 0 }, 0 };
	uint64_t args[6];
	int saved = errno;
	int number = info->si_syscall;
	int i;

	if (info->si_code != SYS_SECCOMP) {
		raise(signal);
		return;
	}
	callgate_put_(&line, "callgate: a filter trapped ");
	if (info->si_arch == seccomp_arch_native() && number >= 0 && number < CALLGATE_CALLS &&
	    callgate_names_[number][0] != '\0') {
		callgate_put_(&line, callgate_names_[number]);
	} else {
		callgate_put_(&line, "syscall ");
		callgate_number_(&line, (unsigned)number, 10);
	}
	if (info->si_arch == seccomp_arch_native() && callgate_arguments_(context, args)) {
		for (i = 0; i < 6; i++) {
			callgate_put_(&line, i == 0 ? "(" : ", ");
			callgate_number_(&line, args[i], 16);
		}
		callgate_put_(&line, ")");
	}
	callgate_put_(&line, " at ");
	callgate_number_(&line, (uint64_t)(uintptr_t)info->si_call_addr, 16);
	callgate_put_(&line, " (si_syscall=");
	callgate_number_(&line, (unsigned)number, 10);
	callgate_put_(&line, " si_arch=");
	callgate_number_(&line, info->si_arch, 16);
	callgate_put_(&line, " si_errno=");
	callgate_number_(&line, (unsigned)info->si_errno, 10);
	callgate_put_(&line, " si_call_addr=");
	callgate_number_(&line, (uint64_t)(uintptr_t)info->si_call_addr, 16);
	callgate_put_(&line, ")");
	line.text[line.length++] = '\n';
	if (write(STDERR_FILENO, line.text, line.length) < 0) {
		/* There is nowhere left to complain to. */
	}
	errno = saved;
	if (!callgate_rewind_(context, info->si_call_addr) && raise(signal) != 0)
		_exit(128 + signal);
}

/*
 * Has this process report the first call that a filter traps: a line on standard error, such as
 *
 *   callgate: a filter trapped mkdir(0x7ffd..., 0x1ff, ...) on x86_64 at 0x7f... (si_syscall=83 ...)
 *
 * after which the process ends as it would have without. `callgate explain` reads the line. Call it
 * before the filter is loaded, with SCMP_ACT_TRAP in the place of SCMP_ACT_KILL_PROCESS. The filter
 * has to allow write, and rt_sigreturn for a core that shows the call. Installs a handler for SIGSYS.
 *
 * Returns 0, or -1 with errno as sigaction(2) sets it.
 */
static inline int callgate_report(void)
{
	struct sigaction action;
	int number;

	for (number = 0; number < CALLGATE_CALLS; number++) {
		char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number);

		if (name != NULL)
			strncpy(callgate_names_[number], name, CALLGATE_NAME - 1);
		free(name);
	}
	memset(&action, 0, sizeof(action));
	action.sa_sigaction = callgate_trapped_;
	action.sa_flags = SA_SIGINFO | SA_ONSTACK | (int)SA_RESETHAND;
	return sigaction(SIGSYS, &action, NULL);
}

#ifdef __cplusplus
}
#endif

#endif

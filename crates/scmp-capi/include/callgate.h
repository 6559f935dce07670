/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Help for programs in C that filter themselves. Nothing of this is in the library: all functions are
 * static, and work with any libseccomp.
 *
 *   #include <callgate.h>
 *
 *   callgate_report();      before the filter is loaded
 *   seccomp_load(ctx);      with SCMP_ACT_TRAP instead of SCMP_ACT_KILL_PROCESS
 *
 * writes a line to standard error for the first call that the filter traps, such as
 *
 *   callgate: a filter trapped mkdir(0x7ffd..., 0x1ff, ...) on x86_64 at 0x7f... (si_syscall=83 ...)
 *
 * and ends the process as it would end without. `callgate explain` reads the line. The filter has to
 * allow write, and rt_sigreturn for a core that shows the call.
 *
 * Needs what <signal.h> and <ucontext.h> declare by default, or with _GNU_SOURCE; not -std=c99 alone.
 */
#ifndef CALLGATE_H
#define CALLGATE_H

#include <errno.h>
#include <seccomp.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

#ifdef __cplusplus
extern "C" {
#endif

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
 * Has this process report the first call that a filter traps. Returns 0, or -1 with errno as
 * sigaction(2) sets it.
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

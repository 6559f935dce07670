/*
 * Makes contexts from a script on standard input and prints codes, PFC text and programs. `cargo xtask conformance
 * libseccomp` runs it with two libraries.
 *
 * A line is a letter and numbers: I action; A or D (remove) token; T attribute value; P number priority; R or X (exact)
 * action number count and four numbers a comparison; S slot (0 or 1) says which of two contexts the next lines are about;
 * M merges 1 into 0; B, C and J start, commit and reject a transaction, where the library has them; E ends both contexts:
 * text and program of 0. A line that begins with a dot is carried out and not reported.
 * N names every system call on every architecture that follows.
 *
 * A call that takes more than a second of processor time is left, and its context given up: "lost".
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#define _GNU_SOURCE
#include <seccomp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

/* What only newer libraries have. */
extern int seccomp_transaction_start(const scmp_filter_ctx ctx) __attribute__((weak));
extern int seccomp_transaction_commit(const scmp_filter_ctx ctx) __attribute__((weak));
extern void seccomp_transaction_reject(const scmp_filter_ctx ctx) __attribute__((weak));

static sigjmp_buf late;
static int quiet;

static void too_late(int signal)
{
	(void)signal;
	siglongjmp(late, 1);
}

static void limit(long seconds)
{
	struct itimerval timer;

	memset(&timer, 0, sizeof(timer));
	timer.it_value.tv_sec = seconds;
	setitimer(ITIMER_VIRTUAL, &timer, NULL);
}

static void say(int code)
{
	if (!quiet)
		printf("%d\n", code);
}

static long long next(char **rest)
{
	return strtoll(*rest, rest, 0);
}

static int rule(scmp_filter_ctx ctx, char *rest, int exact)
{
	uint32_t action = (uint32_t)next(&rest);
	int number = (int)next(&rest);
	unsigned int count = (unsigned int)next(&rest);
	struct scmp_arg_cmp list[6];

	memset(list, 0, sizeof(list));
	for (unsigned int i = 0; i < count && i < 6; i++) {
		list[i].arg = (unsigned int)next(&rest);
		list[i].op = (enum scmp_compare)next(&rest);
		list[i].datum_a = strtoull(rest, &rest, 0);
		list[i].datum_b = strtoull(rest, &rest, 0);
	}
	return exact ? seccomp_rule_add_exact_array(ctx, action, number, count, list)
		     : seccomp_rule_add_array(ctx, action, number, count, list);
}

static void export(scmp_filter_ctx of)
{
	FILE *file = tmpfile();
	unsigned char bytes[4096];
	size_t len;
	int code;

	if (file == NULL)
		exit(2);
	fflush(stdout);
	code = seccomp_export_pfc(of, 1);
	printf("pfc %d\n", code);
	code = seccomp_export_bpf(of, fileno(file));
	printf("bpf %d ", code);
	rewind(file);
	while ((len = fread(bytes, 1, sizeof(bytes), file)) > 0)
		for (size_t i = 0; i < len; i++)
			printf("%02x", bytes[i]);
	printf("\n");
	fclose(file);
}

static void numbers(const char *name, char *rest)
{
	printf("%s", name);
	while (*rest != '\0' && *rest != '\n') {
		uint32_t token = (uint32_t)next(&rest);
		int number = seccomp_syscall_resolve_name_arch(token, name);
		char *back = seccomp_syscall_resolve_num_arch(token, number);

		printf(" %d %d %s", number, seccomp_syscall_resolve_name_rewrite(token, name), back ? back : "NULL");
		free(back);
	}
	printf("\n");
}

static scmp_filter_ctx ctx[2];

static void end(void)
{
	for (int slot = 0; slot < 2; slot++) {
		seccomp_release(ctx[slot]);
		ctx[slot] = NULL;
	}
	printf("done\n");
}

static int transaction(char letter, scmp_filter_ctx of)
{
	if (seccomp_transaction_start == NULL || seccomp_transaction_commit == NULL || seccomp_transaction_reject == NULL)
		return 1;
	if (letter == 'B')
		return seccomp_transaction_start(of);
	if (letter == 'C')
		return seccomp_transaction_commit(of);
	seccomp_transaction_reject(of);
	return 0;
}

static int merge(void)
{
	int code = seccomp_merge(ctx[0], ctx[1]);

	if (code == 0)
		ctx[1] = NULL;
	return code;
}

/* Carries out a line about one context. */
static int act(char letter, char *rest, scmp_filter_ctx *of)
{
	uint32_t first;

	switch (letter) {
	case 'I':
		*of = seccomp_init((uint32_t)next(&rest));
		say(*of != NULL);
		return 0;
	case 'A':
		say(seccomp_arch_add(*of, (uint32_t)next(&rest)));
		return 0;
	case 'D':
		say(seccomp_arch_remove(*of, (uint32_t)next(&rest)));
		return 0;
	case 'T':
		first = (uint32_t)next(&rest);
		say(seccomp_attr_set(*of, (enum scmp_filter_attr)first, (uint32_t)next(&rest)));
		return 0;
	case 'P':
		first = (uint32_t)next(&rest);
		say(seccomp_syscall_priority(*of, (int)first, (uint8_t)next(&rest)));
		return 0;
	case 'R':
	case 'X':
		say(rule(*of, rest, letter == 'X'));
		return 0;
	case 'M':
		say(merge());
		return 0;
	case 'B':
	case 'C':
	case 'J':
		say(transaction(letter, *of));
		return 0;
	}
	return 2;
}

int main(void)
{
	static char line[65536], name[64];
	static int slot;
	static volatile int lost;

	setvbuf(stdout, NULL, _IOFBF, 1 << 16);
	signal(SIGVTALRM, too_late);
	while (fgets(line, sizeof(line), stdin)) {
		char *words;

		quiet = line[0] == '.';
		words = line + quiet;
		if (words[0] == 'N') {
			if (sscanf(words + 1, "%63s", name) == 1)
				numbers(name, strstr(words + 1, name) + strlen(name));
			continue;
		}
		if (words[0] == 'E') {
			if (!lost && sigsetjmp(late, 1) != 0)
				lost = 1;
			else if (!lost) {
				limit(1);
				export(ctx[0]);
			}
			limit(0);
			if (lost)
				printf("lost\n");
			lost = slot = 0;
			end();
			continue;
		}
		if (lost)
			continue;
		if (words[0] == 'S') {
			slot = words[1 + (words[1] == ' ')] == '1';
			continue;
		}
		if (sigsetjmp(late, 1) != 0) {
			lost = 1;
			ctx[0] = ctx[1] = NULL;
			continue;
		}
		limit(1);
		if (act(words[0], words + 1, &ctx[slot]) != 0)
			return 2;
		limit(0);
	}
	return 0;
}

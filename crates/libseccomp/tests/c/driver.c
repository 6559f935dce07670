/*
 * Makes contexts from a script on standard input and prints codes, PFC text and programs. `cargo xtask conformance
 * libseccomp` runs it with two libraries.
 *
 * A line is a letter and numbers: I action; A or D (remove) token; T attribute value; P number priority; R or X (exact)
 * action number count and four numbers a comparison; E ends the context: text, program.
 * N names every system call on every architecture that follows.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#define _GNU_SOURCE
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

static void export(scmp_filter_ctx ctx)
{
	FILE *file = tmpfile();
	unsigned char bytes[4096];
	size_t len;
	int code;

	if (file == NULL)
		exit(2);
	code = seccomp_export_pfc(ctx, 1);
	printf("pfc %d\n", code);
	code = seccomp_export_bpf(ctx, fileno(file));
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

int main(void)
{
	static char line[65536], name[64];
	scmp_filter_ctx ctx = NULL;

	setvbuf(stdout, NULL, _IONBF, 0);
	while (fgets(line, sizeof(line), stdin)) {
		char *rest = line + 1;
		uint32_t attribute;

		switch (line[0]) {
		case 'I':
			ctx = seccomp_init((uint32_t)next(&rest));
			printf("%d\n", ctx != NULL);
			break;
		case 'A':
			printf("%d\n", seccomp_arch_add(ctx, (uint32_t)next(&rest)));
			break;
		case 'D':
			printf("%d\n", seccomp_arch_remove(ctx, (uint32_t)next(&rest)));
			break;
		case 'T':
			attribute = (uint32_t)next(&rest);
			printf("%d\n", seccomp_attr_set(ctx, (enum scmp_filter_attr)attribute, (uint32_t)next(&rest)));
			break;
		case 'P':
			attribute = (uint32_t)next(&rest);
			printf("%d\n", seccomp_syscall_priority(ctx, (int)attribute, (uint8_t)next(&rest)));
			break;
		case 'R':
		case 'X':
			printf("%d\n", rule(ctx, rest, line[0] == 'X'));
			break;
		case 'E':
			export(ctx);
			printf("done\n");
			seccomp_release(ctx);
			ctx = NULL;
			break;
		case 'N':
			if (sscanf(rest, "%63s", name) == 1)
				numbers(name, strstr(rest, name) + strlen(name));
			break;
		default:
			return 2;
		}
	}
	return 0;
}

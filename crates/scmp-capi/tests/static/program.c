/* A program in C with the static library. SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(void)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);

	if (seccomp_rule_add(ctx, SCMP_ACT_ERRNO(7), SCMP_SYS(getppid), 0) != 0)
		return 1;
	if (seccomp_load(ctx) != 0)
		return 2;
	seccomp_release(ctx);
	if (syscall(SYS_getppid) != -1 || errno != 7)
		return 3;
	puts("C");
	return 0;
}

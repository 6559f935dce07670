/* A program that reports its trapped call and is ended by it: run by `cargo xtask abi`. */
#include <callgate.h>

#include <stdio.h>
#include <sys/stat.h>

int main(void)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);

	if (ctx == NULL || callgate_report() != 0)
		return 2;
	/* One of the two, whichever the C library takes. */
	if (seccomp_rule_add(ctx, SCMP_ACT_TRAP, SCMP_SYS(mkdirat), 0) != 0 ||
	    seccomp_rule_add(ctx, SCMP_ACT_TRAP, SCMP_SYS(mkdir), 0) != 0)
		return 3;
	if (seccomp_load(ctx) != 0)
		return 4;
	seccomp_release(ctx);
	mkdir("/nonexistent/x", 0777);
	puts("not reached");
	return 0;
}

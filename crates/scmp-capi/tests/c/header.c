/* What programs do with the header alone, as C and as C++: compiled with all warnings, and never run. */
#include <seccomp.h>

/* Actions are compared by the preprocessor. */
#if SCMP_ACT_ERRNO(1) != 0x00050001U || SCMP_ACT_ERRNO(0x12345) != 0x00052345U
#error SCMP_ACT_ERRNO
#endif
#if SCMP_ACT_TRAP != 0x00030000U || SCMP_ACT_TRACE(7) != 0x7ff00007U
#error SCMP_ACT_TRAP, SCMP_ACT_TRACE
#endif
#if SCMP_ACT_ALLOW <= SCMP_ACT_LOG || SCMP_ACT_KILL_PROCESS <= SCMP_ACT_ALLOW
#error SCMP_ACT_ALLOW
#endif

int use(scmp_filter_ctx ctx);
int use(scmp_filter_ctx ctx)
{
	/* Whatever initializes the structure: in order, by name, and less than all. */
	struct scmp_arg_cmp list[] = {
		SCMP_CMP(0, SCMP_CMP_EQ, 1),
		SCMP_CMP(1, SCMP_CMP_MASKED_EQ, 1, 1),
		SCMP_A2(SCMP_CMP_NE),
		SCMP_A3_32(SCMP_CMP_MASKED_EQ, -1, 1),
#if !defined __cplusplus || __cplusplus >= 202002L
		SCMP_CMP(.arg = 4, .op = SCMP_CMP_EQ, .datum_a = 5),
		SCMP_CMP64(.arg = 5, .op = SCMP_CMP_EQ),
#endif
	};

	seccomp_rule_add(ctx, SCMP_ACT_ERRNO(-1), SCMP_SYS(read), 2, SCMP_A0(SCMP_CMP_EQ, 1),
			 SCMP_A1_32(SCMP_CMP_MASKED_EQ, 1, 1));
	return seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, SCMP_SYS(read),
				      (unsigned int)(sizeof list / sizeof *list), list);
}

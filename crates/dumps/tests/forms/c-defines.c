#define ARCH_NR AUDIT_ARCH_X86_64
#define LOAD(field) BPF_STMT(BPF_LD + BPF_W + BPF_ABS, offsetof(struct seccomp_data, field))
#define ALLOW_CALL(name, skip) \
	BPF_JUMP(BPF_JMP + BPF_JEQ + BPF_K, __NR_##name, skip, 0)
#define RETURN(what) BPF_STMT(BPF_RET + BPF_K, SECCOMP_RET_##what)

struct sock_filter filter[] = {
	LOAD(arch),
	BPF_JUMP(BPF_JMP + BPF_JEQ + BPF_K, ARCH_NR, 0, 8),
	LOAD(nr),
	BPF_JUMP(BPF_JMP + BPF_JGE + BPF_K, 0x40000000, 6, 0),
	ALLOW_CALL(write, 4),
	ALLOW_CALL(close, 3),
	ALLOW_CALL(dup, 2),
	ALLOW_CALL(exit, 1),
	BPF_STMT(BPF_RET + BPF_K, SECCOMP_RET_ERRNO | 5),
	BPF_STMT(BPF_RET + BPF_K, SECCOMP_RET_ALLOW),
	BPF_STMT(BPF_RET + BPF_K, SECCOMP_RET_KILL),
};

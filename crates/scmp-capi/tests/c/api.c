/*
 * Prints what libseccomp's functions return, one line a call. `cargo xtask abi` runs it with two libraries and compares; it
 * calls nothing in a way that either leaves undefined, and none of the functions that only one of them has.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define SAY(call) printf("%d: %s = %lld\n", __LINE__, #call, (long long)(call))
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const uint32_t tokens[] = {
	SCMP_ARCH_NATIVE, SCMP_ARCH_X86, SCMP_ARCH_X86_64, SCMP_ARCH_X32, SCMP_ARCH_ARM, SCMP_ARCH_AARCH64,
	SCMP_ARCH_MIPS, SCMP_ARCH_MIPSEL64N32, SCMP_ARCH_PPC64LE, SCMP_ARCH_S390X, 1, 0xffffffff,
};

static const char *const names[] = {
	"read", "socket", "send", "shmat", "open", "arch_prctl", "accept4",
	"no_such_call", "", "READ", "oldwait4", "cacheflush",
};

static void resolvers(void)
{
	static const int numbers[] = {0, 3, 41, 359, 4003, -1, -2, -101, -109, -100, -10001, 1 << 30, 99999};
	static const char *const arches[] = {"x86", "x86_64", "x32", "arm", "aarch64", "mips", "s390x", "riscv64",
					     "i386", "native", "X86", ""};

	for (size_t i = 0; i < COUNT(arches); i++)
		printf("%s: %#x\n", arches[i], seccomp_arch_resolve_name(arches[i]));
	SAY(seccomp_arch_resolve_name(NULL));
	SAY(seccomp_arch_native());
	for (size_t t = 0; t < COUNT(tokens); t++) {
		for (size_t i = 0; i < COUNT(names); i++)
			printf("%#x %s: %d %d %d\n", tokens[t], names[i],
			       seccomp_syscall_resolve_name_arch(tokens[t], names[i]),
			       seccomp_syscall_resolve_name_rewrite(tokens[t], names[i]),
			       seccomp_syscall_resolve_name(names[i]));
		for (size_t i = 0; i < COUNT(numbers); i++) {
			char *name = seccomp_syscall_resolve_num_arch(tokens[t], numbers[i]);

			printf("%#x %d: %s\n", tokens[t], numbers[i], name ? name : "NULL");
			free(name);
		}
	}
	SAY(seccomp_syscall_resolve_name(NULL));
	SAY(seccomp_syscall_resolve_name_arch(0, NULL));
	SAY(seccomp_syscall_resolve_name_rewrite(0, NULL));
}

static void life(void)
{
	static const uint32_t actions[] = {
		SCMP_ACT_KILL_PROCESS, SCMP_ACT_KILL_THREAD, SCMP_ACT_TRAP, SCMP_ACT_ERRNO(0), SCMP_ACT_ERRNO(4094),
		SCMP_ACT_ERRNO(4095), SCMP_ACT_NOTIFY, SCMP_ACT_TRACE(0xffff), SCMP_ACT_LOG, SCMP_ACT_ALLOW, 1,
		SCMP_ACT_ALLOW + 1, SCMP_ACT_LOG + 1, SCMP_ACT_KILL_PROCESS + 1, SCMP_ACT_NOTIFY + 1, 0xffffffff,
	};
	scmp_filter_ctx one, other;

	for (size_t i = 0; i < COUNT(actions); i++) {
		scmp_filter_ctx ctx = seccomp_init(actions[i]);

		printf("init %#x: %d\n", actions[i], ctx != NULL);
		seccomp_release(ctx);
	}
	seccomp_release(NULL);
	one = seccomp_init(SCMP_ACT_KILL);
	other = seccomp_init(SCMP_ACT_KILL);
	SAY(seccomp_reset(one, 1));
	SAY(seccomp_reset(one, SCMP_ACT_KILL));
	SAY(seccomp_merge(one, one));
	SAY(seccomp_merge(one, NULL));
	SAY(seccomp_merge(NULL, one));
	SAY(seccomp_merge(one, other));
	SAY(seccomp_arch_add(other, SCMP_ARCH_AARCH64));
	SAY(seccomp_arch_add(other, SCMP_ARCH_AARCH64));
	SAY(seccomp_arch_add(other, SCMP_ARCH_S390X));
	SAY(seccomp_arch_add(other, 1));
	SAY(seccomp_arch_exist(other, 1));
	SAY(seccomp_arch_exist(other, 0));
	SAY(seccomp_arch_exist(other, SCMP_ARCH_X86));
	SAY(seccomp_arch_remove(other, SCMP_ARCH_X86));
	SAY(seccomp_arch_remove(other, 1));
	SAY(seccomp_arch_remove(other, SCMP_ARCH_NATIVE));
	SAY(seccomp_attr_set(one, SCMP_FLTATR_CTL_NNP, 0));
	SAY(seccomp_merge(one, other));
	SAY(seccomp_attr_set(one, SCMP_FLTATR_CTL_NNP, 1));
	SAY(seccomp_merge(one, other));
	SAY(seccomp_arch_exist(one, SCMP_ARCH_AARCH64));
	SAY(seccomp_arch_remove(one, SCMP_ARCH_AARCH64));
	SAY(seccomp_arch_remove(one, SCMP_ARCH_NATIVE));
	SAY(seccomp_rule_add(one, SCMP_ACT_ALLOW, 1, 0));
	SAY(seccomp_load(one));
	SAY(seccomp_export_pfc(one, 1));
	SAY(seccomp_export_bpf(one, 1));
	SAY(seccomp_notify_fd(one));
	SAY(seccomp_attr_set(one, SCMP_FLTATR_ACT_DEFAULT, 1));
	SAY(seccomp_syscall_priority(one, 1, 1));
	SAY(seccomp_arch_add(one, SCMP_ARCH_S390X));
	SAY(seccomp_reset(one, SCMP_ACT_KILL));
	seccomp_release(one);
}

static void attributes(void)
{
	static const uint32_t values[] = {0, 1, 2, 3, SCMP_ACT_ALLOW, 0xffffffff};
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_KILL);

	for (int attr = 0; attr < 10; attr++)
		for (size_t i = 0; i < COUNT(values); i++) {
			uint32_t value = 77;
			int set = seccomp_attr_set(ctx, (enum scmp_filter_attr)attr, values[i]);
			int get = seccomp_attr_get(ctx, (enum scmp_filter_attr)attr, &value);

			printf("attribute %d %#x: %d %d %#x\n", attr, values[i], set, get, value);
		}
	SAY(seccomp_attr_set(NULL, SCMP_FLTATR_CTL_NNP, 1));
	SAY(seccomp_attr_set(ctx, (enum scmp_filter_attr)99, 1));
	seccomp_release(ctx);
}

static void levels(void)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);

	for (unsigned int level = 0; level < 7; level++) {
		SAY(seccomp_api_set(level));
		/* What is found out is up to what the library knows. */
		if (level > 0)
			SAY(seccomp_api_get());
		SAY(seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1));
		SAY(seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 0));
		SAY(seccomp_attr_set(ctx, SCMP_FLTATR_CTL_LOG, 1));
		SAY(seccomp_attr_set(ctx, SCMP_FLTATR_CTL_SSB, 1));
		SAY(seccomp_rule_add(ctx, SCMP_ACT_KILL_PROCESS, 1, 0));
		SAY(seccomp_rule_add(ctx, SCMP_ACT_LOG, 2, 0));
		SAY(seccomp_rule_add(ctx, SCMP_ACT_NOTIFY, 3, 0));
		SAY(seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1));
		SAY(seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 0));
		SAY(seccomp_notify_fd(ctx));
	}
	SAY(seccomp_api_set(8));
	seccomp_release(ctx);
}

static void rules(void)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_KILL);
	const struct scmp_arg_cmp bad[] = {SCMP_CMP(6, SCMP_CMP_EQ, 0, 0), SCMP_CMP(0, SCMP_CMP_EQ, 0, 0),
					   SCMP_CMP(0, SCMP_CMP_NE, 0, 0), SCMP_CMP(1, _SCMP_CMP_MIN, 0, 0),
					   SCMP_CMP(1, _SCMP_CMP_MAX, 0, 0)};
	int read_only;

	SAY(seccomp_rule_add(ctx, SCMP_ACT_ALLOW, 10, 0));
	SAY(seccomp_rule_add(ctx, SCMP_ACT_ALLOW, 11, 1, SCMP_A0(SCMP_CMP_EQ, 1)));
	SAY(seccomp_rule_add(ctx, SCMP_ACT_ALLOW, 12, 2, SCMP_A0(SCMP_CMP_EQ, 1), SCMP_A1(SCMP_CMP_EQ, 2)));
	SAY(seccomp_rule_add(ctx, SCMP_ACT_ALLOW, 13, 3, SCMP_A0(SCMP_CMP_EQ, 1), SCMP_A1(SCMP_CMP_EQ, 2),
			     SCMP_A2(SCMP_CMP_EQ, 3)));
	SAY(seccomp_rule_add(ctx, SCMP_ACT_ALLOW, 14, 4, SCMP_A0(SCMP_CMP_EQ, 1), SCMP_A1(SCMP_CMP_EQ, 2),
			     SCMP_A2(SCMP_CMP_EQ, 3), SCMP_A3(SCMP_CMP_EQ, 4)));
	SAY(seccomp_rule_add(ctx, SCMP_ACT_ALLOW, 15, 5, SCMP_A0(SCMP_CMP_EQ, 1), SCMP_A1(SCMP_CMP_EQ, 2),
			     SCMP_A2(SCMP_CMP_EQ, 3), SCMP_A3(SCMP_CMP_EQ, 4), SCMP_A4(SCMP_CMP_EQ, 5)));
	SAY(seccomp_rule_add_exact(ctx, SCMP_ACT_ALLOW, 16, 6, SCMP_A0(SCMP_CMP_EQ, 1), SCMP_A1(SCMP_CMP_EQ, 2),
				   SCMP_A2(SCMP_CMP_EQ, 3), SCMP_A3(SCMP_CMP_EQ, 4), SCMP_A4(SCMP_CMP_EQ, 5),
				   SCMP_A5(SCMP_CMP_MASKED_EQ, 0xff, 6)));
	SAY(seccomp_rule_add(ctx, SCMP_ACT_ALLOW, 17, 7));
	SAY(seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, 17, 7, bad));
	SAY(seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, 17, 1, NULL));
	SAY(seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, 17, 1, bad));
	SAY(seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, 17, 2, bad + 1));
	SAY(seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, 17, 1, bad + 3));
	SAY(seccomp_rule_add_exact_array(ctx, SCMP_ACT_ALLOW, 17, 1, bad + 4));
	SAY(seccomp_rule_add_exact_array(ctx, SCMP_ACT_ALLOW, 17, 0, NULL));
	SAY(seccomp_rule_add(NULL, SCMP_ACT_ALLOW, 18, 0));
	SAY(seccomp_rule_add(ctx, SCMP_ACT_KILL, 18, 0));
	SAY(seccomp_rule_add(ctx, 1, 18, 0));
	SAY(seccomp_rule_add(ctx, SCMP_ACT_ALLOW, -1, 0));
	SAY(seccomp_rule_add(ctx, SCMP_ACT_ALLOW, -2, 0));
	SAY(seccomp_rule_add(ctx, SCMP_ACT_ALLOW, -99, 0));
	SAY(seccomp_rule_add_exact(ctx, SCMP_ACT_ALLOW, -10001, 0));
	SAY(seccomp_rule_add(ctx, SCMP_ACT_TRAP, 11, 1, SCMP_A0(SCMP_CMP_EQ, 1)));
	SAY(seccomp_rule_add(ctx, SCMP_ACT_TRAP, 12, 1, SCMP_A0(SCMP_CMP_EQ, 1)));
	SAY(seccomp_attr_set(ctx, SCMP_FLTATR_API_TSKIP, 1));
	SAY(seccomp_rule_add(ctx, SCMP_ACT_ALLOW, -1, 0));
	SAY(seccomp_syscall_priority(ctx, 15, 200));
	SAY(seccomp_syscall_priority(ctx, -5, 200));
	SAY(seccomp_syscall_priority(NULL, 15, 200));
	SAY(seccomp_export_pfc(ctx, 1));
	SAY(seccomp_arch_add(ctx, SCMP_ARCH_X86));
	SAY(seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1, SCMP_A0_32(SCMP_CMP_EQ, -1)));
	SAY(seccomp_export_pfc(ctx, 1));
	SAY(seccomp_rule_add_exact(ctx, SCMP_ACT_ALLOW, 19, 0));
	SAY(seccomp_rule_add(ctx, SCMP_ACT_ALLOW, 5000, 0));
	SAY(seccomp_export_pfc(ctx, -1));
	SAY(seccomp_export_bpf(ctx, -1));
	SAY(seccomp_attr_set(ctx, SCMP_FLTATR_API_SYSRAWRC, 1));
	SAY(seccomp_export_pfc(ctx, -1));
	SAY(seccomp_export_bpf(ctx, -1));
	read_only = open("/dev/null", O_RDONLY | O_CLOEXEC);
	SAY(seccomp_export_pfc(ctx, read_only));
	SAY(seccomp_export_bpf(ctx, read_only));
	SAY(seccomp_attr_set(ctx, SCMP_FLTATR_API_SYSRAWRC, 0));
	SAY(seccomp_export_pfc(ctx, read_only));
	SAY(seccomp_export_bpf(ctx, read_only));
	close(read_only);
	seccomp_release(ctx);
}

static int refuse_getppid(void)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	int loaded;

	seccomp_rule_add(ctx, SCMP_ACT_ERRNO(7), SCMP_SYS(getppid), 0);
	loaded = seccomp_load(ctx);
	seccomp_release(ctx);
	return loaded == 0 && syscall(SYS_getppid) == -1 && errno == 7;
}

/* A caller whose getppid is answered by its parent, with 5, over a listener that it made itself. */
static int notified(void)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	struct seccomp_notif *req = NULL;
	struct seccomp_notif_resp *resp = NULL;
	int fd, status = 0, good = 1;
	pid_t child;

	seccomp_rule_add(ctx, SCMP_ACT_NOTIFY, SCMP_SYS(getppid), 0);
	good &= seccomp_notify_fd(ctx) == -EFAULT;
	good &= seccomp_load(ctx) == 0;
	fd = seccomp_notify_fd(ctx);
	good &= fd > 0;
	child = fork();
	if (child == 0)
		_exit(syscall(SYS_getppid) == 5);
	if (seccomp_notify_alloc(&req, &resp) != 0)
		_exit(2);
	good &= seccomp_notify_receive(fd, req) == 0;
	good &= req->pid == (uint32_t)child && req->data.nr == SYS_getppid;
	good &= seccomp_notify_id_valid(fd, req->id) == 0;
	resp->id = req->id;
	resp->val = 5;
	good &= seccomp_notify_respond(fd, resp) == 0;
	good &= seccomp_notify_respond(fd, resp) == -ECANCELED;
	good &= seccomp_notify_id_valid(fd, req->id) == -ENOENT;
	seccomp_notify_free(req, resp);
	seccomp_release(ctx);
	waitpid(child, &status, 0);
	return good && WIFEXITED(status) && WEXITSTATUS(status) == 1;
}

static int by_prctl(void)
{
	return seccomp_api_set(1) == 0 && refuse_getppid();
}

/* The errno of seccomp(2) under a filter that was there before. */
static int before;

static int under_another(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_seccomp, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SCMP_ACT_ERRNO(before)),
		BPF_STMT(BPF_RET | BPF_K, SCMP_ACT_ALLOW),
	};
	struct sock_fprog program = {COUNT(filter), filter};
	scmp_filter_ctx ctx;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		return 1;
	printf("under errno %d:\n", before);
	SAY(seccomp_api_get());
	ctx = seccomp_init(SCMP_ACT_ALLOW);
	for (int attr = SCMP_FLTATR_CTL_NNP; attr <= SCMP_FLTATR_CTL_SSB; attr++)
		SAY(seccomp_attr_set(ctx, (enum scmp_filter_attr)attr, 1));
	SAY(seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 0));
	SAY(seccomp_rule_add(ctx, SCMP_ACT_NOTIFY, SCMP_SYS(getppid), 0));
	SAY(seccomp_rule_add(ctx, SCMP_ACT_LOG, SCMP_SYS(getuid), 0));
	SAY(seccomp_rule_add(ctx, SCMP_ACT_KILL_PROCESS, SCMP_SYS(ptrace), 0));
	SAY(seccomp_notify_fd(ctx));
	SAY(seccomp_notify_alloc(NULL, NULL));
	SAY(seccomp_attr_set(ctx, SCMP_FLTATR_API_SYSRAWRC, 1));
	SAY(seccomp_load(ctx));
	SAY(seccomp_attr_set(ctx, SCMP_FLTATR_API_SYSRAWRC, 0));
	SAY(seccomp_load(ctx));
	seccomp_release(ctx);
	return 0;
}

static void in_child(const char *what, int (*act)(void))
{
	int status = 0;
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child == 0)
		_exit(act());
	waitpid(child, &status, 0);
	printf("%s: %#x\n", what, status);
}

int main(void)
{
	static const int refusals[] = {EFAULT, EINVAL, ENOSYS, EPERM, EACCES, EBUSY, ESRCH, ENOMEM};

	setvbuf(stdout, NULL, _IONBF, 0);
	seccomp_notify_free(NULL, NULL);
	in_child("load", refuse_getppid);
	in_child("load by prctl", by_prctl);
	in_child("notify", notified);
	for (size_t i = 0; i < COUNT(refusals); i++) {
		before = refusals[i];
		in_child("under another filter", under_another);
	}
	resolvers();
	life();
	attributes();
	rules();
	SAY(seccomp_notify_alloc(NULL, NULL));
	levels();
	SAY(seccomp_reset(NULL, 0));
	return 0;
}

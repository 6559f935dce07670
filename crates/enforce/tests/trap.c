/* Exits with 0 if three traps of getppid arrive as a filter sends them. With an argument, it loads
 * such a filter itself. */
#define _GNU_SOURCE
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

static volatile int good;

static void handler(int signal, siginfo_t *info, void *context)
{
	greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
	good += signal == SIGSYS && info->si_signo == SIGSYS && info->si_code == 1
		&& info->si_errno == 513 && info->si_syscall == SYS_getppid
		&& info->si_arch == AUDIT_ARCH_X86_64
		&& registers[REG_RAX] == SYS_getppid
		&& info->si_call_addr == (void *)registers[REG_RIP]
		&& registers[REG_RDI] == 11;
	registers[REG_RAX] = 4711;
}

static void load(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP | 513),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { 4, filter };
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || syscall(SYS_seccomp, 1, 0, &program))
		exit(9);
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO };
	(void)argv;
	if (sigaction(SIGSYS, &action, NULL))
		return 8;
	if (argc > 1)
		load();
	for (int i = 0; i < 3; i++)
		if (syscall(SYS_getppid, 11) != 4711)
			return 7;
	return good == 3 ? 0 : 1;
}

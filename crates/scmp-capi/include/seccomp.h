/*
 * seccomp.h - system call filters, the C interface of libseccomp 2.6.1
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * A part of callgate, whose libseccomp.so.2 implements it. Each function has a page in section 3 of the manual.
 * Functions that return int return a negative errno value on failure, unless said otherwise.
 */
#ifndef CALLGATE_SECCOMP_H
#define CALLGATE_SECCOMP_H

#include <elf.h>
#include <inttypes.h>
#include <stdlib.h>
#include <asm/unistd.h>
#include <linux/audit.h>
#include <linux/types.h>
#include <linux/seccomp.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version of this header; seccomp_version() has that of the library. */
#define SCMP_VER_MAJOR 2
#define SCMP_VER_MINOR 6
#define SCMP_VER_MICRO 1

struct scmp_version {
	unsigned int major;
	unsigned int minor;
	unsigned int micro;
};

/* A filter in the making: made by seccomp_init(), freed by seccomp_release(). For one thread at a time. */
typedef void *scmp_filter_ctx;

/* Attributes of a filter, for seccomp_attr_get() and seccomp_attr_set(). */
enum scmp_filter_attr {
	_SCMP_FLTATR_MIN = 0,
	SCMP_FLTATR_ACT_DEFAULT = 1,  /* action where no rule holds; read only */
	SCMP_FLTATR_ACT_BADARCH = 2,  /* action for architectures that the filter does not have */
	SCMP_FLTATR_CTL_NNP = 3,      /* set no_new_privs before loading */
	SCMP_FLTATR_CTL_TSYNC = 4,    /* load for all threads */
	SCMP_FLTATR_API_TSKIP = 5,    /* accept rules for number -1 */
	SCMP_FLTATR_CTL_LOG = 6,      /* let the kernel log what is not allowed */
	SCMP_FLTATR_CTL_SSB = 7,      /* leave speculative store bypass enabled */
	SCMP_FLTATR_CTL_OPTIMIZE = 8, /* arrangement: 1 by priority, 2 as a binary tree */
	SCMP_FLTATR_API_SYSRAWRC = 9, /* return errors of the kernel as they are */
	SCMP_FLTATR_CTL_WAITKILL = 10, /* only fatal signals interrupt a received notification */
	_SCMP_FLTATR_MAX
};

/* Comparisons, all of them unsigned. */
enum scmp_compare {
	_SCMP_CMP_MIN = 0,
	SCMP_CMP_NE = 1,
	SCMP_CMP_LT = 2,
	SCMP_CMP_LE = 3,
	SCMP_CMP_EQ = 4,
	SCMP_CMP_GE = 5,
	SCMP_CMP_GT = 6,
	SCMP_CMP_MASKED_EQ = 7, /* (argument & datum_a) == datum_b */
	_SCMP_CMP_MAX
};

typedef uint64_t scmp_datum_t;

/* A comparison of one argument of a system call. */
struct scmp_arg_cmp {
	unsigned int arg;
	enum scmp_compare op;
	scmp_datum_t datum_a;
	scmp_datum_t datum_b;
};

/* Architectures: the kernel's audit tokens, but for x32, which shares x86_64's there. */
#define SCMP_ARCH_NATIVE 0x0U
#define SCMP_ARCH_X86 0x40000003U
#define SCMP_ARCH_X86_64 0xc000003eU
#define SCMP_ARCH_X32 0x4000003eU
#define SCMP_ARCH_ARM 0x40000028U
#define SCMP_ARCH_AARCH64 0xc00000b7U
#define SCMP_ARCH_LOONGARCH64 0xc0000102U
#define SCMP_ARCH_M68K 0x00000004U
#define SCMP_ARCH_MIPS 0x00000008U
#define SCMP_ARCH_MIPSEL 0x40000008U
#define SCMP_ARCH_MIPS64 0x80000008U
#define SCMP_ARCH_MIPSEL64 0xc0000008U
#define SCMP_ARCH_MIPS64N32 0xa0000008U
#define SCMP_ARCH_MIPSEL64N32 0xe0000008U
#define SCMP_ARCH_PARISC 0x0000000fU
#define SCMP_ARCH_PARISC64 0x8000000fU
#define SCMP_ARCH_PPC 0x00000014U
#define SCMP_ARCH_PPC64 0x80000015U
#define SCMP_ARCH_PPC64LE 0xc0000015U
#define SCMP_ARCH_RISCV64 0xc00000f3U
#define SCMP_ARCH_S390 0x00000016U
#define SCMP_ARCH_S390X 0x80000016U
#define SCMP_ARCH_SH 0x4000002aU
#define SCMP_ARCH_SHEB 0x0000002aU

/* Actions, from the strictest to the weakest. They can be compared in #if. */
#define SCMP_ACT_KILL_PROCESS 0x80000000U
#define SCMP_ACT_KILL_THREAD 0x00000000U
#define SCMP_ACT_KILL SCMP_ACT_KILL_THREAD
#define SCMP_ACT_TRAPX(x) (0x00030000U | ((x) & 0x0000ffffU))
#define SCMP_ACT_TRAP SCMP_ACT_TRAPX(0)
#define SCMP_ACT_ERRNO(x) (0x00050000U | ((x) & 0x0000ffffU))
#define SCMP_ACT_NOTIFY 0x7fc00000U
#define SCMP_ACT_TRACE(x) (0x7ff00000U | ((x) & 0x0000ffffU))
#define SCMP_ACT_LOG 0x7ffc0000U
#define SCMP_ACT_ALLOW 0x7fff0000U

/* What name resolution returns for unknown names, and a number that is never one. */
#define __NR_SCMP_ERROR -1
#define __NR_SCMP_UNDEF -2

/* The number of a system call, or its pseudo number where this architecture lacks it. */
#define SCMP_SYS(x) (__SNR_##x)

#include <seccomp-syscalls.h>
#include <seccomp-kvers.h>

/* Notifications, where the kernel's header is too old to have them. */
#ifndef SECCOMP_RET_USER_NOTIF
struct seccomp_notif {
	__u64 id;
	__u32 pid;
	__u32 flags;
	struct seccomp_data data;
};

struct seccomp_notif_resp {
	__u64 id;
	__s64 val;
	__s32 error;
	__u32 flags;
};
#endif

#ifndef SECCOMP_ADDFD_FLAG_SETFD
#define SECCOMP_ADDFD_FLAG_SETFD 1UL
struct seccomp_notif_addfd {
	__u64 id;
	__u32 flags;
	__u32 srcfd;
	__u32 newfd;
	__u32 newfd_flags;
};
#endif

#ifndef SECCOMP_ADDFD_FLAG_SEND
#define SECCOMP_ADDFD_FLAG_SEND 2UL
#endif

const struct scmp_version *seccomp_version(void);
unsigned int seccomp_api_get(void);
int seccomp_api_set(unsigned int level);

scmp_filter_ctx seccomp_init(uint32_t def_action);
int seccomp_reset(scmp_filter_ctx ctx, uint32_t def_action);
void seccomp_release(scmp_filter_ctx ctx);
int seccomp_merge(scmp_filter_ctx ctx_dst, scmp_filter_ctx ctx_src);

uint32_t seccomp_arch_resolve_name(const char *arch_name);
uint32_t seccomp_arch_native(void);
int seccomp_arch_exist(const scmp_filter_ctx ctx, uint32_t arch_token);
int seccomp_arch_add(scmp_filter_ctx ctx, uint32_t arch_token);
int seccomp_arch_remove(scmp_filter_ctx ctx, uint32_t arch_token);

int seccomp_attr_get(const scmp_filter_ctx ctx, enum scmp_filter_attr attr, uint32_t *value);
int seccomp_attr_set(scmp_filter_ctx ctx, enum scmp_filter_attr attr, uint32_t value);

char *seccomp_syscall_resolve_num_arch(uint32_t arch_token, int num);
int seccomp_syscall_resolve_name_arch(uint32_t arch_token, const char *name);
int seccomp_syscall_resolve_name_rewrite(uint32_t arch_token, const char *name);
int seccomp_syscall_resolve_name(const char *name);

int seccomp_syscall_priority(scmp_filter_ctx ctx, int syscall, uint8_t priority);
int seccomp_rule_add(scmp_filter_ctx ctx, uint32_t action, int syscall, unsigned int arg_cnt, ...);
int seccomp_rule_add_array(scmp_filter_ctx ctx, uint32_t action, int syscall,
			   unsigned int arg_cnt, const struct scmp_arg_cmp *arg_array);
int seccomp_rule_add_exact(scmp_filter_ctx ctx, uint32_t action, int syscall,
			   unsigned int arg_cnt, ...);
int seccomp_rule_add_exact_array(scmp_filter_ctx ctx, uint32_t action, int syscall,
				 unsigned int arg_cnt, const struct scmp_arg_cmp *arg_array);

int seccomp_load(const scmp_filter_ctx ctx);
int seccomp_precompute(const scmp_filter_ctx ctx);
int seccomp_export_pfc(const scmp_filter_ctx ctx, int fd);
int seccomp_export_bpf(const scmp_filter_ctx ctx, int fd);
int seccomp_export_bpf_mem(const scmp_filter_ctx ctx, void *buf, size_t *len);

int seccomp_transaction_start(const scmp_filter_ctx ctx);
int seccomp_transaction_commit(const scmp_filter_ctx ctx);
void seccomp_transaction_reject(const scmp_filter_ctx ctx);

int seccomp_notify_alloc(struct seccomp_notif **req, struct seccomp_notif_resp **resp);
void seccomp_notify_free(struct seccomp_notif *req, struct seccomp_notif_resp *resp);
int seccomp_notify_receive(int fd, struct seccomp_notif *req);
int seccomp_notify_respond(int fd, struct seccomp_notif_resp *resp);
int seccomp_notify_id_valid(int fd, uint64_t id);
int seccomp_notify_fd(const scmp_filter_ctx ctx);
int seccomp_notify_addfd(int fd, struct seccomp_notif_addfd *addfd);

/*
 * Comparisons as arguments of seccomp_rule_add(): (argument, operator, datum_a[, datum_b]); SCMP_A0 to SCMP_A5 come with
 * the argument. SCMP_CMP takes whatever initializes a struct scmp_arg_cmp, also .arg = 0, .op = SCMP_CMP_EQ. The forms
 * with 32 cut data to 32 bits, as the kernel does with int arguments: (int)-1 is 0xffffffff.
 *
 * Fields that are not given are zero, which is meant: compilers are not to warn of them where these macros are used.
 */
#ifdef __GNUC__
#pragma GCC system_header
#define SCMP_CMP64(...) (__extension__(struct scmp_arg_cmp){__VA_ARGS__})
#else
#define SCMP_CMP64(...) ((struct scmp_arg_cmp){__VA_ARGS__})
#endif
#define SCMP_CMP(...) SCMP_CMP64(__VA_ARGS__)
#define _SCMP_CMP32_3(arg, op, a) SCMP_CMP64(arg, op, (uint32_t)(a))
#define _SCMP_CMP32_4(arg, op, a, b) SCMP_CMP64(arg, op, (uint32_t)(a), (uint32_t)(b))
#define _SCMP_FIFTH(a, b, c, d, e, ...) e
#define SCMP_CMP32(...) \
	_SCMP_FIFTH(__VA_ARGS__, _SCMP_CMP32_4, _SCMP_CMP32_3, 0, 0)(__VA_ARGS__)

#define SCMP_A0_64(...) SCMP_CMP64(0, __VA_ARGS__)
#define SCMP_A1_64(...) SCMP_CMP64(1, __VA_ARGS__)
#define SCMP_A2_64(...) SCMP_CMP64(2, __VA_ARGS__)
#define SCMP_A3_64(...) SCMP_CMP64(3, __VA_ARGS__)
#define SCMP_A4_64(...) SCMP_CMP64(4, __VA_ARGS__)
#define SCMP_A5_64(...) SCMP_CMP64(5, __VA_ARGS__)
#define SCMP_A0_32(...) SCMP_CMP32(0, __VA_ARGS__)
#define SCMP_A1_32(...) SCMP_CMP32(1, __VA_ARGS__)
#define SCMP_A2_32(...) SCMP_CMP32(2, __VA_ARGS__)
#define SCMP_A3_32(...) SCMP_CMP32(3, __VA_ARGS__)
#define SCMP_A4_32(...) SCMP_CMP32(4, __VA_ARGS__)
#define SCMP_A5_32(...) SCMP_CMP32(5, __VA_ARGS__)
#define SCMP_A0(...) SCMP_A0_64(__VA_ARGS__)
#define SCMP_A1(...) SCMP_A1_64(__VA_ARGS__)
#define SCMP_A2(...) SCMP_A2_64(__VA_ARGS__)
#define SCMP_A3(...) SCMP_A3_64(__VA_ARGS__)
#define SCMP_A4(...) SCMP_A4_64(__VA_ARGS__)
#define SCMP_A5(...) SCMP_A5_64(__VA_ARGS__)

#ifdef __cplusplus
}
#endif

#endif

/* A program in C++ with the static library: its exceptions, and the library's panics. SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <cerrno>
#include <iostream>
#include <seccomp.h>
#include <stdexcept>
#include <sys/syscall.h>
#include <unistd.h>

static bool throws()
{
	try {
		throw std::runtime_error("thrown");
	} catch (const std::exception &) {
		return true;
	}
}

int main()
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);

	if (!throws() || seccomp_rule_add(ctx, SCMP_ACT_ERRNO(7), SCMP_SYS(getppid), 0) != 0)
		return 1;
	if (seccomp_load(ctx) != 0)
		return 2;
	seccomp_release(ctx);
	if (syscall(SYS_getppid) != -1 || errno != 7 || !throws())
		return 3;
	std::cout << "C++" << std::endl;
	return 0;
}

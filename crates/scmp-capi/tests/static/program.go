// A program in Go with the static library: its own threads and signals beside the library's unwinder.
//
// SPDX-License-Identifier: MIT OR Apache-2.0
package main

/*
#include <seccomp.h>

// cgo calls no variadic functions.
static int refuse(scmp_filter_ctx ctx, int nr)
{
	return seccomp_rule_add(ctx, SCMP_ACT_ERRNO(7), nr, 0);
}
static scmp_filter_ctx allow(void)
{
	return seccomp_init(SCMP_ACT_ALLOW);
}
static int getppid_nr(void)
{
	return SCMP_SYS(getppid);
}
*/
import "C"

import (
	"fmt"
	"os"
	"runtime"
	"syscall"
)

func panics() (caught bool) {
	defer func() { caught = recover() != nil }()
	var none *int
	return *none == 0
}

func main() {
	runtime.LockOSThread()
	ctx := C.allow()
	if !panics() || C.refuse(ctx, C.getppid_nr()) != 0 {
		os.Exit(1)
	}
	if C.seccomp_load(ctx) != 0 {
		os.Exit(2)
	}
	C.seccomp_release(ctx)
	if _, _, errno := syscall.RawSyscall(syscall.SYS_GETPPID, 0, 0, 0); errno != 7 || !panics() {
		os.Exit(3)
	}
	fmt.Println("Go")
}

// Makes one call, getppid, which is refused, in a goroutine of its own.
package main

import (
	"fmt"
	"syscall"
)

//go:noinline
func refused(done chan int) {
	done <- syscall.Getppid()
}

func main() {
	done := make(chan int)
	go refused(done)
	fmt.Println(<-done < 0)
}

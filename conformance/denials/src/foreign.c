/* Makes one call, getppid, which is refused, with what every C library has. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

__attribute__((noinline)) static long make_refused_call(void)
{
	long result = getppid();
	__asm__ volatile("" : "+r"(result));
	return result;
}

int main(void)
{
	long result = make_refused_call();
	if (result > 0)
		printf("made\n");
	else
		printf("returned %ld, errno %d\n", result, errno);
	return 0;
}

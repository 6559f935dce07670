; openssh-style.asm with a mistake in the test of futex.
.endian little
        ld   [arch]
        jeq  #AUDIT_ARCH_X86_64, known
        ret  KILL_PROCESS
known:  ld   [nr]

; Refused without killing, because libraries ask for them and cope.
        jne  #x86_64:open, n1
        ret  ERRNO(EACCES)
n1:     jne  #x86_64:openat, n2
        ret  ERRNO(EACCES)
n2:     jne  #x86_64:newfstatat, n3
        ret  ERRNO(EACCES)

; Allowed whatever the arguments.
n3:     jne  #x86_64:read, a1
        ret  ALLOW
a1:     jne  #x86_64:write, a2
        ret  ALLOW
a2:     jne  #x86_64:close, a3
        ret  ALLOW
a3:     jne  #x86_64:brk, a4
        ret  ALLOW
a4:     jne  #x86_64:munmap, a5
        ret  ALLOW
a5:     jne  #x86_64:poll, a6
        ret  ALLOW
a6:     jne  #x86_64:getpid, a7
        ret  ALLOW
a7:     jne  #x86_64:getrandom, a8
        ret  ALLOW
a8:     jne  #x86_64:clock_gettime, a9
        ret  ALLOW
a9:     jne  #x86_64:exit_group, c1
        ret  ALLOW

; shutdown(_, SHUT_RDWR): an int, of which the kernel reads the low half.
c1:     jne  #x86_64:shutdown, c2
        ld   [args[1].lo]
        jne  #2, again1
        ret  ALLOW
again1: ld   [nr]

; ioctl(_, FIONREAD or TCGETS): an unsigned int.
c2:     jne  #x86_64:ioctl, c3
        ld   [args[1].lo]
        jne  #0x541b, other
        ret  ALLOW
other:  jne  #0x5401, again2
        ret  ALLOW
again2: ld   [nr]

; mmap and mprotect with no more than PROT_READ and PROT_WRITE: a long, of which no other bit may be set.
c3:     jne  #x86_64:mmap, c4
        ld   [args[2].lo]
        and  #0xfffffffc
        jne  #0, again3
        ld   [args[2].hi]
        jne  #0, again3
        ret  ALLOW
again3: ld   [nr]
c4:     jne  #x86_64:mprotect, c5
        ld   [args[2].lo]
        and  #0xfffffffc
        jne  #0, again4
        ld   [args[2].hi]
        jne  #0, again4
        ret  ALLOW
again4: ld   [nr]

; futex(_, FUTEX_WAKE_PRIVATE, 1): the high half of the last argument is forgotten.
c5:     jne  #x86_64:futex, rest
        ld   [args[1].lo]
        jne  #0x81, again5
        ld   [args[1].hi]
        jne  #0, again5
        ld   [args[2].lo]
        jne  #1, again5
        ret  ALLOW
again5: ld   [nr]

rest:   ret  KILL_PROCESS

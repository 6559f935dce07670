; The shape of Chromium's sandbox: one architecture, no x32, then a binary tree over the numbers with shared leaves.
; Arguments of 32 bits must be extended properly to 64, or the process dies. What is not named is allowed.
.endian little
        ld   [arch]
        jne  #AUDIT_ARCH_X86_64, kill
        ld   [nr]
        jset #0x40000000, kill              ; x32, and -1

; The tree.
        jge  #57, high
        jge  #41, middle
        jge  #17, allow
        jge  #x86_64:ioctl, ioctl, allow
middle: jge  #x86_64:clone, clone
        jge  #42, allow, socket
high:   jge  #x86_64:keyctl, top
        jge  #102, allow
        jge  #x86_64:ptrace, deny, allow
top:    jge  #0x80000000, kill              ; no number is negative
        jge  #251, allow, deny

; ioctl(_, request): unsigned, so the high half must be zero. TIOCSTI and TIOCLINUX type into terminals.
ioctl:  ld   [args[1].hi]
        jne  #0, kill
        ld   [args[1].lo]
        jeq  #0x5412, deny
        jeq  #0x541c, deny, allow

; socket(domain, ...): signed, so the high half must repeat the sign. AF_UNIX, AF_INET and AF_INET6.
socket: ld   [args[0].hi]
        jeq  #0, domain
        jne  #0xffffffff, kill
        ld   [args[0].lo]
        jset #0x80000000, domain, kill
domain: ld   [args[0].lo]
        jeq  #1, allow
        jeq  #2, allow
        jeq  #10, allow, deny

; clone(flags, ...): a long; no flag for namespaces, and none above 32 bits.
clone:  ld   [args[0].hi]
        jne  #0, deny
        ld   [args[0].lo]
        jset #0x7e020000, deny, allow

allow:  ret  ALLOW
deny:   ret  ERRNO(EPERM)
kill:   ret  KILL_PROCESS

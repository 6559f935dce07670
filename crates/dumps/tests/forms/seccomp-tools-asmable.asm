0000: A = arch
0001: if (A != ARCH_X86_64) goto 0010
0002: A = sys_number
0003: if (A >= 0x40000000) goto 0010
0004: if (A == write) goto 0009
0005: if (A == close) goto 0009
0006: if (A == dup) goto 0009
0007: if (A == exit) goto 0009
0008: return ERRNO(5)
0009: return ALLOW
0010: return KILL

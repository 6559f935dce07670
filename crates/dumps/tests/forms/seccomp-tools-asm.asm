# the same, by hand
A = arch
A == ARCH_X86_64 ? next : dead
A = sys_number
A >= 0x40000000 ? dead : next
A == write ? ok : next
if (!(A != close))
  goto ok # a comment
A == amd64.dup ? ok : next
if (A == exit) goto ok
else goto next
return ERRNO(5)
ok:
return ALLOW
dead: return KILL

# Raw filters for bwrap: one that a script exports by `seccomp_export_bpf`, and the profile `container`.
cd /tmp
cat > rules.json <<'J'
{ "defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
  "syscalls": [
    { "names": ["unshare", "mount", "ptrace"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1 },
    { "names": ["personality"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38,
      "args": [{ "index": 0, "value": 4294967295, "valueTwo": 8, "op": "SCMP_CMP_MASKED_EQ" }] } ] }
J
cat > rules.py <<'P'
from ctypes import CDLL, Structure, c_int, c_uint, c_uint32, c_uint64, c_void_p
class Comparison(Structure):
    _fields_ = [("arg", c_uint), ("op", c_int), ("a", c_uint64), ("b", c_uint64)]
library = CDLL("libseccomp.so.2")
library.seccomp_init.restype = c_void_p
ALLOW, ERRNO, MASKED_EQ = 0x7fff0000, 0x50000, 7
rules = c_void_p(library.seccomp_init(c_uint32(ALLOW)))
def expect(result):
    assert result == 0, result
for name in [b"x86", b"x32"]:
    expect(library.seccomp_arch_add(rules, c_uint32(library.seccomp_arch_resolve_name(name))))
def deny(name, errno, *comparisons):
    number = library.seccomp_syscall_resolve_name(name)
    array = (Comparison * 1)(*comparisons)
    expect(library.seccomp_rule_add_array(rules, c_uint32(ERRNO + errno), number, len(comparisons), array))
for name in [b"unshare", b"mount", b"ptrace"]:
    deny(name, 1)
deny(b"personality", 38, Comparison(0, MASKED_EQ, 0xffffffff, 8))
expect(library.seccomp_export_bpf(rules, 1))
P
python3 rules.py > exported.bpf
/stage/bin/callgate prove rules.json exported.bpf > proof; cut -d ' ' -f 1 proof
/stage/bin/callgate compile container -o compiled.bpf > /dev/null 2>&1
for filter in exported compiled; do
    echo "$filter"
    bwrap --ro-bind / / --proc /proc --dev /dev --unshare-net --seccomp 9 9< $filter.bpf sh -c \
        'grep Seccomp: /proc/self/status; echo "a box computes $((6 * 7))"; unshare -U true || echo refused
        setarch -B echo "not refused" || echo refused; setarch -R echo "not refused" || echo refused'
done

mkdir -p /tmp/t
swtpm socket --tpm2 --tpmstate dir=/tmp/t --ctrl type=unixio,path=/tmp/t/ctrl --server type=unixio,path=/tmp/t/data --flags not-need-init --seccomp action=kill --daemon --pid file=/tmp/t/pid
swtpm_ioctl --unix /tmp/t/ctrl -c
swtpm_ioctl --unix /tmp/t/ctrl -i
swtpm_bios --tpm2 --unix /tmp/t/data -c && echo started
swtpm_ioctl --unix /tmp/t/ctrl --save permanent /tmp/t/blob && test -s /tmp/t/blob && echo saved
grep Seccomp: /proc/$(cat /tmp/t/pid)/status
swtpm_ioctl --unix /tmp/t/ctrl -s
await test ! -e /tmp/t/pid && echo ended

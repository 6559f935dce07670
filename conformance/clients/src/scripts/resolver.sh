scmp_sys_resolver openat
scmp_sys_resolver -a aarch64 openat
scmp_sys_resolver -t -a x86 257

cd /tmp; printf 'int answer(void) { return 42; }\nstruct thing { int a; };\n' > a.c
size=$(stat -c %s a.c)
{ printf '{"command":"generate-tags", "filename":"a.c", "size":%s}\n' $size; cat a.c; } | ctags-universal --_interactive=sandbox

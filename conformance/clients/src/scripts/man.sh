mkdir -p /tmp/m/man1
printf '.TH HELLO 1\n.SH NAME\nhello \\- greet\n.SH DESCRIPTION\nGreets.\n' > /tmp/m/man1/hello.1
gzip -k /tmp/m/man1/hello.1
man -l /tmp/m/man1/hello.1 | cat
man -l /tmp/m/man1/hello.1.gz | cat
mandb -q -c /tmp/m
man -M /tmp/m -f hello

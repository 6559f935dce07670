# Makes inject.pl: a process does a system call, whatever it was doing; `inject.pl PID NUMBER ARGUMENT...` prints what the
# kernel returned, or the signal that came of it. A debugger that also moves vector registers fails where those are many.
cat > /tmp/inject.pl <<'P'
use strict;
use warnings;
my ($pid, $number, @arguments) = map { $_ =~ /^0/ ? oct : $_ + 0 } @ARGV;
my ($ATTACH, $DETACH, $GETREGS, $SETREGS, $PEEK, $POKE, $STEP) = (16, 17, 12, 13, 1, 4, 9);
sub ptrace {
    # The third argument may be a buffer that is written to, so it is not copied.
    my ($request, $address) = @_;
    die "ptrace $request: $!\n" if syscall(101, $request, $pid, $address, $_[2]) == -1;
}
sub stopped {
    # Perl's own waitpid does not tell a stop from an exit.
    my $status = pack 'i', 0;
    die "wait4: $!\n" if syscall(61, $pid, $status, 0, 0) != $pid;
    $status = unpack 'i', $status;
    # SIGTRAP and SIGSTOP are ours.
    return if $status == 0x057f || $status == 0x137f;
    print 'signal ', ($status & 0x7f) == 0x7f ? $status >> 8 : $status & 0x7f, "\n";
    exit;
}
ptrace($ATTACH, 0, 0);
stopped();
my $before = my $registers = "\0" x 216;
ptrace($GETREGS, 0, $before);
my @register = unpack 'q27', $before;
my ($RAX, $ORIG_RAX, $RIP) = (10, 15, 16);
@register[$RAX, $ORIG_RAX] = ($number, -1);
@register[(14, 13, 12, 7, 9, 8)[0 .. $#arguments]] = @arguments;
ptrace($SETREGS, 0, pack 'q27', @register);
my $code = "\0" x 8;
ptrace($PEEK, $register[$RIP], $code);
ptrace($POKE, $register[$RIP], unpack 'q', "\x0f\x05" . substr $code, 2);
ptrace($STEP, 0, 0);
stopped();
ptrace($GETREGS, 0, $registers);
print((unpack 'q27', $registers)[$RAX], "\n");
ptrace($POKE, $register[$RIP], unpack 'q', $code);
ptrace($SETREGS, 0, $before);
ptrace($DETACH, 0, 0);
P

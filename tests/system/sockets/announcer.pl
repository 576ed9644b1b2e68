# Kills the process that it is told, and says that it is ready when that is gone.
use strict;
use Socket;
my $pid;
until ($pid) {
    select(undef, undef, undef, 0.05);
    open(my $told, "<", "/out/kill") or next;
    $pid = <$told>;
}
kill "KILL", $pid;
select(undef, undef, undef, 0.001) while kill 0, $pid;
socket(my $socket, PF_UNIX, SOCK_DGRAM, 0) or die $!;
my $sent = send($socket, "READY=1", 0, pack_sockaddr_un($ENV{NOTIFY_SOCKET})) ? "sent" : "not sent: $!";
open(my $said, ">", "/out/said") or die $!;
print $said "$sent\n";
close $said;
sleep 1 while 1;

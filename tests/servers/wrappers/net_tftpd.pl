# Serve a folder with Net::TFTPd, which is a library: ROOT ADDRESS PORT. Each request gets a process of its own.
use strict;
use warnings;
use Net::TFTPd;

my ($root, $address, $port) = @ARGV;
$SIG{CHLD} = 'IGNORE';
my $listener = Net::TFTPd->new(
    RootDir => $root, LocalAddr => $address, LocalPort => $port,
    Writable => 1,
) or die Net::TFTPd->error;
while (1) {
    my $request = $listener->waitRQ(3600) or next;
    my $child = fork;
    die "no process: $!" unless defined $child;
    next if $child;
    $request->processRQ;
    exit 0;
}

# SPDX-License-Identifier: Apache-2.0
# needs: perl
# Hashes, strings that grow, regular expressions, sorting, a fork.
set -e
cat > work.pl <<'PL'
use strict; use warnings;
my (%h, @list);
my $x = 1;
for my $i (1 .. 60000) {
  $x = ($x * 1103515245 + 12345) % 2147483648;
  $h{"k$x"} = "v" x ($x % 50);
  push @list, "k$x";
  delete $h{$list[$x % @list]} if $i % 3 == 0;
}
my $text = join ",", map { "$_=$h{$_}" } sort keys %h;
my $count = () = $text =~ /k\d*7=/g;
my $grown = "";
$grown .= chr(65 + $_ % 26) x 10 for 1 .. 200000;
print scalar(keys %h), " ", length($text), " $count ", unpack("%32C*", $text), " ", unpack("%32C*", $grown), "\n";
my $pid = fork;
if (!$pid) { my @more = map { "x" x $_ } 1 .. 2000; exit(@more == 2000 ? 7 : 1); }
waitpid $pid, 0;
print $? >> 8, "\n";
PL
perl work.pl

# The story of ../story.ts with Frontier::Client, the oldest of Perl's.
use strict;
use warnings;
use utf8;
use Frontier::Client;
use JSON::PP;

binmode STDOUT, ':encoding(UTF-8)';
my $client = Frontier::Client->new(url => $ARGV[0], encoding => 'UTF-8');
my $json = JSON::PP->new->allow_nonref->convert_blessed;

# A boolean of XML-RPC is an object here.
sub Frontier::RPC2::Boolean::TO_JSON { $_[0]->value ? JSON::PP::true : JSON::PP::false }

sub call { $client->call(@_) }

sub tell_ { print "$_[0] ", $json->encode($_[1]), "\n" }

tell_('register', call('register', 'payments', $client->string('127.0.0.1'), 9000, 1));
tell_('again', call('register', 'payments', '127.0.0.1', 9000));
tell_('details', call('get_service_details', 'payments'));
tell_('details_of_none', call('get_service_details', 'nobody'));
# It writes characters beyond ASCII as references, and knows none beyond U+FFFF.
my $greeting = 'Grüße 日本語 <&> ]]>';
my $details = { tags => ['new'], meta => { greeting => $greeting } };
tell_('greet', call('register', 'payments', '127.0.0.1', 9001, 1, $details));
my ($found) = @{ call('lookup', 'payments', { port => 9001 }) };
tell_('greeting', $found->{meta}{greeting});
tell_('tags', $found->{tags});
tell_('update_status', call('update_status', 'payments', 0));
tell_('update_status_of_none', call('update_status', 'nobody', 0));
print 'all ', call('get_all_service_details'), "\n";
tell_('count', call('get_reg_count'));
eval { call('no_such_method', 1) };
my ($code, $text) = $@ =~ /Fault returned from XML RPC Server, fault code (-?\d+): (.*)\n/;
tell_('fault', [$code + 0, $text]);
tell_('methods', call('system.listMethods'));
my @calls = map { { methodName => $_, params => [] } } 'get_reg_count', 'no_such_method';
my ($count, $failed) = @{ call('system.multicall', \@calls) };
tell_('multicall', [$count->[0], $failed->{faultCode}]);
tell_('unregister', call('unregister', 'payments'));
tell_('unregister_again', call('unregister', 'payments'));
tell_('count_after', call('get_reg_count'));

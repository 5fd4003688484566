# The story of ../story.ts with XMLRPC::Lite, of SOAP::Lite.
use strict;
use warnings;
use utf8;
use JSON::PP;
use XMLRPC::Lite;

binmode STDOUT, ':encoding(UTF-8)';
my $client = XMLRPC::Lite->proxy($ARGV[0]);
my $json = JSON::PP->new->allow_nonref;

sub call {
    my $answer = $client->call(@_);
    die $answer->faultstring if $answer->fault;
    return $answer->result;
}

sub text { XMLRPC::Data->type(string => $_[0]) }

sub tell_ { print "$_[0] ", $json->encode($_[1]), "\n" }

tell_('register', call('register', 'payments', '127.0.0.1', 9000, 1));
tell_('again', call('register', 'payments', '127.0.0.1', 9000));
tell_('details', call('get_service_details', 'payments'));
tell_('details_of_none', call('get_service_details', 'nobody'));
# Text beyond ASCII has to be marked as a string, or it is sent as base64.
my $greeting = text('Grüße 日本語 🜁 <&> ]]>');
my $details = { tags => ['new'], meta => { greeting => $greeting } };
tell_('greet', call('register', 'payments', '127.0.0.1', 9001, 1, $details));
my ($found) = @{ call('lookup', 'payments', { port => 9001 }) };
tell_('greeting', $found->{meta}{greeting});
tell_('tags', $found->{tags});
tell_('update_status', call('update_status', 'payments', 0));
tell_('update_status_of_none', call('update_status', 'nobody', 0));
print 'all ', call('get_all_service_details'), "\n";
tell_('count', call('get_reg_count'));
my $fault = $client->call('no_such_method', 1);
tell_('fault', [$fault->faultcode, $fault->faultstring]) if $fault->fault;
tell_('methods', call('system.listMethods'));
my @calls = map { { methodName => $_, params => [] } } 'get_reg_count', 'no_such_method';
my ($count, $failed) = @{ call('system.multicall', \@calls) };
tell_('multicall', [$count->[0], $failed->{faultCode}]);
tell_('unregister', call('unregister', 'payments'));
tell_('unregister_again', call('unregister', 'payments'));
tell_('count_after', call('get_reg_count'));

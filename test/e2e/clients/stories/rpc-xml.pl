# The story of ../story.ts with RPC::XML.
use strict;
use warnings;
use utf8;
use JSON::PP;
use RPC::XML;
use RPC::XML::Client;

binmode STDOUT, ':encoding(UTF-8)';
$RPC::XML::ENCODING = 'utf-8';
my $client = RPC::XML::Client->new($ARGV[0]);
my $json = JSON::PP->new->allow_nonref;

sub call {
    my $answer = $client->send_request(@_);
    die $answer unless ref $answer;
    return $answer;
}

# What an answer is as JSON. Its objects know their types.
sub shown {
    my ($answer) = @_;
    my ($type, $value) = ($answer->type, $answer->value);
    return $value ? JSON::PP::true : JSON::PP::false if $type eq 'boolean';
    return [map { shown($_) } @$answer] if $type eq 'array';
    return { map { $_ => shown($answer->{$_}) } keys %$answer } if $type eq 'struct';
    return $type eq 'int' ? $value + 0 : $value;
}

sub tell_ { print "$_[0] ", $json->encode($_[1]), "\n" }

tell_('register', shown(call('register', 'payments', '127.0.0.1', 9000, 1)));
tell_('again', shown(call('register', 'payments', '127.0.0.1', 9000)));
tell_('details', shown(call('get_service_details', 'payments')));
tell_('details_of_none', shown(call('get_service_details', 'nobody')));
my $details = { tags => ['new'], meta => { greeting => 'Grüße 日本語 🜁 <&> ]]>' } };
tell_('greet', shown(call('register', 'payments', '127.0.0.1', 9001, 1, $details)));
my ($found) = @{ shown(call('lookup', 'payments', { port => 9001 })) };
tell_('greeting', $found->{meta}{greeting});
tell_('tags', $found->{tags});
tell_('update_status', shown(call('update_status', 'payments', 0)));
tell_('update_status_of_none', shown(call('update_status', 'nobody', 0)));
print 'all ', shown(call('get_all_service_details')), "\n";
tell_('count', shown(call('get_reg_count')));
my $fault = call('no_such_method', 1);
tell_('fault', [$fault->code + 0, $fault->string]) if $fault->is_fault;
tell_('methods', shown(call('system.listMethods')));
my @calls = map { { methodName => $_, params => [] } } 'get_reg_count', 'no_such_method';
my ($count, $failed) = @{ shown(call('system.multicall', \@calls)) };
tell_('multicall', [$count->[0], $failed->{faultCode}]);
tell_('unregister', shown(call('unregister', 'payments')));
tell_('unregister_again', shown(call('unregister', 'payments')));
tell_('count_after', shown(call('get_reg_count')));

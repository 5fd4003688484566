<?php
// The story of ../story.ts with PHP's xmlrpc extension. Without the last option it writes what is beyond ASCII byte by byte.
function call(string $method, ...$params) {
    global $argv;
    $options = ['encoding' => 'utf-8', 'escaping' => 'markup'];
    $context = stream_context_create(['http' => [
        'method' => 'POST',
        'header' => 'Content-Type: text/xml',
        'content' => xmlrpc_encode_request($method, $params, $options),
    ]]);
    return xmlrpc_decode(file_get_contents($argv[1], false, $context), 'utf-8');
}

function tell(string $step, $value): void {
    echo $step, ' ', json_encode($value), "\n";
}

tell('register', call('register', 'payments', '127.0.0.1', 9000, 1));
tell('again', call('register', 'payments', '127.0.0.1', 9000));
tell('details', call('get_service_details', 'payments'));
tell('details_of_none', call('get_service_details', 'nobody'));
$details = ['tags' => ['new'], 'meta' => ['greeting' => 'Grüße 日本語 🜁 <&> ]]>']];
tell('greet', call('register', 'payments', '127.0.0.1', 9001, 1, $details));
[$found] = call('lookup', 'payments', ['port' => 9001]);
tell('greeting', $found['meta']['greeting']);
tell('tags', $found['tags']);
tell('update_status', call('update_status', 'payments', 0));
tell('update_status_of_none', call('update_status', 'nobody', 0));
echo 'all ', call('get_all_service_details'), "\n";
tell('count', call('get_reg_count'));
$fault = call('no_such_method', 1);
if (xmlrpc_is_fault($fault)) {
    tell('fault', [$fault['faultCode'], $fault['faultString']]);
}
tell('methods', call('system.listMethods'));
$calls = array_map(fn($name) => ['methodName' => $name, 'params' => []], ['get_reg_count', 'no_such_method']);
[[$count], $failed] = call('system.multicall', $calls);
tell('multicall', [$count, $failed['faultCode']]);
tell('unregister', call('unregister', 'payments'));
tell('unregister_again', call('unregister', 'payments'));
tell('count_after', call('get_reg_count'));

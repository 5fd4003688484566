# The story of ../story.ts with libsoup 2.4's XML-RPC, as GNOME's programs speak it, through GObject introspection.
import json
import sys

import gi

gi.require_version('Soup', '2.4')
from gi.repository import GLib, Soup

session = Soup.Session()
url = sys.argv[1]
TYPES = {str: 's', int: 'i', bool: 'b'}


def variant(value):
    if isinstance(value, dict):
        return GLib.Variant('a{sv}', {name: variant(member) for name, member in value.items()})
    if isinstance(value, list):
        return GLib.Variant('av', [variant(item) for item in value])
    return GLib.Variant(TYPES[type(value)], value)


def call(method, *params):
    boxed = GLib.Variant('(' + 'v' * len(params) + ')', [variant(param) for param in params])
    message = Soup.xmlrpc_message_new(url, method, boxed)
    session.send_message(message)
    body = message.props.response_body_data.get_data()
    return Soup.xmlrpc_parse_response(body.decode(), len(body), None).unpack()


def tell(step, value):
    print(step, json.dumps(value))


tell('register', call('register', 'payments', '127.0.0.1', 9000, 1))
tell('again', call('register', 'payments', '127.0.0.1', 9000))
tell('details', call('get_service_details', 'payments'))
tell('details_of_none', call('get_service_details', 'nobody'))
greeting = 'Grüße 日本語 🜁 <&> ]]>'
tell('greet', call('register', 'payments', '127.0.0.1', 9001, 1, {'tags': ['new'], 'meta': {'greeting': greeting}}))
[found] = call('lookup', 'payments', {'port': 9001})
tell('greeting', found['meta']['greeting'])
tell('tags', found['tags'])
tell('update_status', call('update_status', 'payments', 0))
tell('update_status_of_none', call('update_status', 'nobody', 0))
print('all', call('get_all_service_details'))
tell('count', call('get_reg_count'))
try:
    call('no_such_method', 1)
except GLib.Error as error:
    tell('fault', [error.code, error.message])
tell('methods', call('system.listMethods'))
calls = [{'methodName': name, 'params': []} for name in ('get_reg_count', 'no_such_method')]
[[count], failed] = call('system.multicall', calls)
tell('multicall', [count, failed['faultCode']])
tell('unregister', call('unregister', 'payments'))
tell('unregister_again', call('unregister', 'payments'))
tell('count_after', call('get_reg_count'))

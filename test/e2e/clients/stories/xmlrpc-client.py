# The story of ../story.ts with Python's own client. Further arguments: gzip, latin1, builtin.
import datetime
import json
import sys
import xmlrpc.client

url, *variants = sys.argv[1:]


class Gzip(xmlrpc.client.Transport):
    encode_threshold = 1


server = xmlrpc.client.ServerProxy(
    url,
    transport=Gzip() if 'gzip' in variants else None,
    encoding='iso-8859-1' if 'latin1' in variants else None,
    use_builtin_types='builtin' in variants,
    allow_none='builtin' in variants,
)


def tell(step, value):
    print(step, json.dumps(value))


def fault(call, *params):
    try:
        return call(*params)
    except xmlrpc.client.Fault as error:
        return [error.faultCode, error.faultString]


tell('register', server.register('payments', '127.0.0.1', 9000, 1))
tell('again', server.register('payments', '127.0.0.1', 9000))
tell('details', server.get_service_details('payments'))
tell('details_of_none', server.get_service_details('nobody'))
greeting = 'Grüße 日本語 🜁 <&> ]]>'
tell('greet', server.register('payments', '127.0.0.1', 9001, 1, {'tags': ['new'], 'meta': {'greeting': greeting}}))
[found] = server.lookup('payments', {'port': 9001})
tell('greeting', found['meta']['greeting'])
tell('tags', found['tags'])
if 'builtin' in variants:
    assert isinstance(found['registered_at'], datetime.datetime), found
tell('update_status', server.update_status('payments', 0))
tell('update_status_of_none', server.update_status('nobody', 0))
print('all', server.get_all_service_details())
tell('count', server.get_reg_count())
tell('fault', fault(server.no_such_method, 1))
tell('methods', server.system.listMethods())
calls = xmlrpc.client.MultiCall(server)
calls.get_reg_count()
calls.no_such_method()
results = calls()
tell('multicall', [results[0], fault(lambda: results[1])[0]])
tell('unregister', server.unregister('payments'))
tell('unregister_again', server.unregister('payments'))
tell('count_after', server.get_reg_count())

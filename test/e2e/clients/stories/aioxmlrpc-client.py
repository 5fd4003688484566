# The story of ../story.ts with aioxmlrpc.
import asyncio
import json
import sys

from aioxmlrpc.client import Fault, ServerProxy

GREETING = 'Grüße 日本語 🜁 <&> ]]>'


def tell(step, value):
    print(step, json.dumps(value))


async def main(url):
    server = ServerProxy(url)
    tell('register', await server.register('payments', '127.0.0.1', 9000, 1))
    tell('again', await server.register('payments', '127.0.0.1', 9000))
    tell('details', await server.get_service_details('payments'))
    tell('details_of_none', await server.get_service_details('nobody'))
    details = {'tags': ['new'], 'meta': {'greeting': GREETING}}
    tell('greet', await server.register('payments', '127.0.0.1', 9001, 1, details))
    [found] = await server.lookup('payments', {'port': 9001})
    tell('greeting', found['meta']['greeting'])
    tell('tags', found['tags'])
    tell('update_status', await server.update_status('payments', 0))
    tell('update_status_of_none', await server.update_status('nobody', 0))
    print('all', await server.get_all_service_details())
    tell('count', await server.get_reg_count())
    try:
        await server.no_such_method(1)
    except Fault as fault:
        tell('fault', [fault.faultCode, fault.faultString])
    tell('methods', await server.system.listMethods())
    calls = [{'methodName': name, 'params': []} for name in ('get_reg_count', 'no_such_method')]
    [[count], failed] = await server.system.multicall(calls)
    tell('multicall', [count, failed['faultCode']])
    tell('unregister', await server.unregister('payments'))
    tell('unregister_again', await server.unregister('payments'))
    tell('count_after', await server.get_reg_count())


asyncio.run(main(sys.argv[1]))

# The story of ../story.ts with Twisted.
import json
import sys

from twisted.internet.defer import inlineCallbacks
from twisted.internet.task import react
from twisted.web.xmlrpc import Fault, Proxy

GREETING = 'Grüße 日本語 🜁 <&> ]]>'


def tell(step, value):
    print(step, json.dumps(value))


@inlineCallbacks
def main(reactor, url):
    call = Proxy(url.encode()).callRemote
    tell('register', (yield call('register', 'payments', '127.0.0.1', 9000, 1)))
    tell('again', (yield call('register', 'payments', '127.0.0.1', 9000)))
    tell('details', (yield call('get_service_details', 'payments')))
    tell('details_of_none', (yield call('get_service_details', 'nobody')))
    details = {'tags': ['new'], 'meta': {'greeting': GREETING}}
    tell('greet', (yield call('register', 'payments', '127.0.0.1', 9001, 1, details)))
    [found] = yield call('lookup', 'payments', {'port': 9001})
    tell('greeting', found['meta']['greeting'])
    tell('tags', found['tags'])
    tell('update_status', (yield call('update_status', 'payments', 0)))
    tell('update_status_of_none', (yield call('update_status', 'nobody', 0)))
    print('all', (yield call('get_all_service_details')))
    tell('count', (yield call('get_reg_count')))
    try:
        yield call('no_such_method', 1)
    except Fault as fault:
        tell('fault', [fault.faultCode, fault.faultString])
    tell('methods', (yield call('system.listMethods')))
    calls = [{'methodName': name, 'params': []} for name in ('get_reg_count', 'no_such_method')]
    [[count], failed] = yield call('system.multicall', calls)
    tell('multicall', [count, failed['faultCode']])
    tell('unregister', (yield call('unregister', 'payments')))
    tell('unregister_again', (yield call('unregister', 'payments')))
    tell('count_after', (yield call('get_reg_count')))


react(main, sys.argv[1:])

"""A service in Python, with the standard library alone, that registers itself and finds others.

python3 docs/examples/python_service.py [name of a service to look up]
"""
import atexit
import http.client
import http.server
import os
import random
import signal
import sys
import threading
import time
import xml.parsers.expat
import xmlrpc.client

URL = os.environ.get('ROLLCALL_URL', 'http://127.0.0.1:8800')
TTL_S = 15
WAIT_S = 20
# No registry answers, or one does with a Fault (an xmlrpc.client.Error), or something else does, with a page, say.
FAILED = (OSError, http.client.HTTPException, xmlrpc.client.Error, xml.parsers.expat.ExpatError)


class Transport(xmlrpc.client.Transport):
    """Gives up: without a time-out a thread could wait for good."""

    def __init__(self, timeout_s):
        super().__init__()
        self.timeout_s = timeout_s

    def make_connection(self, host):
        connection = super().make_connection(host)
        connection.timeout = self.timeout_s
        return connection


def registry(timeout_s=5):
    """A proxy, one for each thread: they can't be shared."""
    return xmlrpc.client.ServerProxy(URL, transport=Transport(timeout_s))


class Registration:
    """Keeps an instance registered. It registers again and again: that renews the lease, costs the registry as little as a
    heartbeat, and is right also after a restart of a registry that has forgotten everything."""

    def __init__(self, name, host, port, **details):
        self.args = (name, host, port, 1, {'ttl': TTL_S * 1000, **details})
        self.stopped = threading.Event()
        self.id = registry().register(*self.args)
        self.thread = threading.Thread(target=self._keep, daemon=True)
        self.thread.start()
        atexit.register(self.close)

    def _keep(self):
        server, failures = registry(), 0
        while not self.stopped.wait(TTL_S / 3 * random.uniform(0.9, 1.1) if failures == 0 else min(0.25 * 2 ** min(failures, 5), 5)):
            try:
                self.id, failures = server.register(*self.args), 0
            except FAILED as error:
                failures += 1
                print(f'not registered: {error}', file=sys.stderr)

    def close(self):
        if self.stopped.is_set():
            return
        self.stopped.set()
        self.thread.join()
        try:
            registry().unregister(self.args[0], self.id)
        except FAILED:
            pass  # the lease ends by itself


class Lookup:
    """The instances of a service, kept up to date by wait_for_change: asking it costs no call, and goes on while no
    registry answers."""

    def __init__(self, name):
        self.name, self.instances, self.told_at = name, {}, None
        threading.Thread(target=self._follow, daemon=True).start()

    def _follow(self):
        server, cursor, wait_s = registry(WAIT_S + 5), '', 0
        while True:
            try:
                answer = server.wait_for_change(cursor, wait_s, self.name)
                if answer['reset']:
                    self.instances = {one['id']: one for one in server.find({'name': self.name})}
                for change in answer['changes']:
                    one = change['instance']
                    if change['kind'] == 'unregistered':
                        self.instances.pop(one['id'], None)
                    else:
                        self.instances[one['id']] = one
                cursor, wait_s, self.told_at = answer['cursor'], WAIT_S, time.monotonic()
            except FAILED as error:
                print(f'{self.name} is not followed: {error}', file=sys.stderr)
                time.sleep(random.uniform(0.5, 2))

    def age_s(self):
        """How long ago the registry last told of it: at most WAIT_S, or no registry answers."""
        return float('inf') if self.told_at is None else time.monotonic() - self.told_at

    def running(self):
        return [f"{one['host']}:{one['port']}" for one in list(self.instances.values()) if one['status'] == 1]


class Hello(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = ('\n'.join(peers.running()) + '\n').encode()
        self.send_response(200)
        self.send_header('Content-Length', str(len(body)))
        self.send_header('X-Age', f'{peers.age_s():.0f}')
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


if __name__ == '__main__':
    peers = Lookup(sys.argv[1] if len(sys.argv) > 1 else 'hello-py')
    server = http.server.ThreadingHTTPServer(('127.0.0.1', int(os.environ.get('PORT', '0'))), Hello)
    # An instance name of its own where Rollcall has started it, so that it is one instance and not two.
    name = {'instance': os.environ['INSTANCE_ID']} if 'INSTANCE_ID' in os.environ else {}
    Registration('hello-py', '127.0.0.1', server.server_port, **name)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # so that atexit is reached
    print(f'hello-py listens on http://127.0.0.1:{server.server_port}', flush=True)
    server.serve_forever()

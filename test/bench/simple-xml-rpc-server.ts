import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';

/** Python's own XML-RPC server, as its documentation shows it, with a table of services behind it. */
const PROGRAM = `
from xmlrpc.server import SimpleXMLRPCServer

services, turns = {}, {}

def register(name, host, port, status=1, details=None):
    instances = services.setdefault(name, {})
    key = '%s:%s' % (host, port)
    if key not in instances:
        instances[key] = {'id': len(services), 'name': name, 'instance': key, 'host': host, 'port': port, 'status': status}
    return instances[key]['id']

def get_service_details(name):
    instances = list(services.get(name, {}).values())
    if not instances:
        return False
    turns[name] = turns.get(name, 0) + 1
    chosen = instances[turns[name] % len(instances)]
    return [chosen['host'], chosen['port']]

def lookup(name):
    return [one for one in services.get(name, {}).values() if one['status'] == 1]

def heartbeat(name):
    return name in services

server = SimpleXMLRPCServer(('127.0.0.1', 0), logRequests=False)
for function in (register, get_service_details, lookup, heartbeat):
    server.register_function(function)
# wrk closes its connections in the middle at the end of a round.
server.handle_error = lambda request, client: None
print(server.server_address[1], flush=True)
server.serve_forever()
`;

export interface PythonServer {
  readonly url: URL;
  stop(): Promise<void>;
}

/** Undefined where there is no python3. */
export async function startPythonServer(): Promise<PythonServer | undefined> {
  if (spawnSync('python3', ['--version'], { stdio: 'ignore' }).error !== undefined) return undefined;
  const child = spawn('python3', ['-c', PROGRAM], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [port] = await once(child.stdout, 'data');
  return {
    url: new URL(`http://127.0.0.1:${String(port).trim()}/RPC2`),
    async stop() {
      const exited = once(child, 'exit');
      child.kill();
      await exited;
    },
  };
}

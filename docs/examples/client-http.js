// A service on node:http that registers itself. Start two of them, and they find each other.
import { createServer, get } from 'node:http';
import { RegistryClient } from 'rollcall/client';

const { HOST = '127.0.0.1', PORT = '0' } = process.env;
const reg = new RegistryClient(); // at ROLLCALL_URL, or http://127.0.0.1:8800

const server = createServer(async (request, response) => {
  if (request.url !== '/peer') {
    response.end(`hello from ${me.port}\n`);
    return;
  }
  const peer = await reg.choose('hello', { where: ({ port }) => port !== me.port }).catch(() => undefined);
  if (peer === undefined) response.writeHead(503).end('there is no other one\n');
  else get(`http://${peer.address}/`, (answer) => answer.pipe(response));
});

await new Promise((resolve) => server.listen(Number(PORT), HOST, resolve));
const me = await reg.register('hello', { host: HOST, port: server.address().port });
console.log(`hello listens on http://${HOST}:${me.port}`);

import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer, type Server } from 'node:net';
import { text } from 'node:stream/consumers';

/** One visit of the hostile page. */
export interface Visit {
  /** What the page calls itself in its requests. */
  readonly from: string;
  /** Where it is loaded from, without path. */
  readonly origin: string;
  /** The door it tries. */
  readonly target: string;
}

export interface Report {
  readonly from: string;
  readonly outcomes: Readonly<Record<string, string>>;
}

/** Binds a server to a free port, and answers it. */
export async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** Serves the hostile page, one visit leading to the next, and resolves `reports` when the last has reported. */
export async function servePages(visitsOf: (port: number) => readonly Visit[]) {
  const attacks = await readFile(new URL('attacks.js', import.meta.url));
  const reports: Report[] = [];
  let haveAll: (reports: Report[]) => void = () => {};
  const all = new Promise<Report[]>((resolve) => {
    haveAll = resolve;
  });
  const server = createServer(async (request, response) => {
    response.setHeader('Connection', 'close');
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://page');
    if (pathname === '/report') {
      reports.push(JSON.parse(await text(request)) as Report);
      if (reports.length === visits.length) haveAll(reports);
      response.end();
    } else if (pathname === '/page/attacks.js') {
      response.setHeader('Content-Type', 'text/javascript; charset=utf-8').end(attacks);
    } else if (pathname === '/page') {
      const number = Number(searchParams.get('visit'));
      const task = { ...visits[number], report: `http://127.0.0.1:${port}/report`, next: urls[number + 1] };
      response.setHeader('Content-Type', 'text/html; charset=utf-8');
      response.end(
        `<!doctype html><body><script id="task" type="application/json">${JSON.stringify(task)}</script><script src="/page/attacks.js"></script>`,
      );
    } else {
      response.writeHead(404).end();
    }
  });
  const port = await listen(server);
  const visits = visitsOf(port);
  const urls = visits.map(({ origin }, number) => `${origin}/page?visit=${number}`);
  return { port, start: urls[0] as string, reports: all, close: () => server.close() };
}

/** What the registry answered to one request. */
export interface Answer {
  readonly from: string | null;
  readonly attack: string | null;
  readonly status: number;
}

/**
 * One address that is the page's for what begins with /page and the registry's for all else: what DNS rebinding comes to,
 * where a name points to the attacker's server until the page is loaded, and to the visitor's machine from then on. Bytes
 * go through as they are; every answer of the registry is noted.
 */
export async function serveFront(pagePort: () => number, registryPort: number) {
  const answers: Answer[] = [];
  const server = createTcpServer((client) => {
    client.once('data', (first: Buffer) => {
      const isPage = first.toString('latin1').startsWith('GET /page');
      const behind = connect(isPage ? pagePort() : registryPort, '127.0.0.1');
      let asked = first.toString('latin1');
      behind.write(first);
      client.pipe(behind).pipe(client);
      client.on('data', (chunk: Buffer) => {
        asked += chunk.toString('latin1');
      });
      const targets = () =>
        [...asked.matchAll(/^[A-Z]+ (\/\S*) HTTP\/1\.1\r$/gm)].map(([, target]) => target);
      let answered = 0;
      behind.on('data', (chunk: Buffer) => {
        for (const [, status] of chunk.toString('latin1').matchAll(/^HTTP\/1\.1 (\d{3}) /gm)) {
          const { searchParams } = new URL(targets()[answered++] ?? '/', 'http://door');
          const [from, attack] = [searchParams.get('from'), searchParams.get('attack')];
          if (!isPage) answers.push({ from, attack, status: Number(status) });
        }
      });
      behind.on('error', () => client.destroy());
      client.on('close', () => behind.destroy());
    });
    client.on('error', () => client.destroy());
  });
  return { port: await listen(server), answers, close: () => server.close() };
}

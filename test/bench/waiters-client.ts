import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { writeCall } from '../../plugins/transports/xml-rpc/writer.js';

/**
 * The clients of the benchmark of waiters, all in this one process: so many connections that wait for a change, one that
 * makes the change, and one that calls all the while, in a thread of its own, so that it waits for the server and not
 * for the other clients. It is told by messages, and answers by them; see waiters.ts.
 */

/** What one round took, in milliseconds. */
export interface Round {
  /** From the answer to the call that changed something until a waiter had read its own: the middle one, 99 %, the last. */
  readonly p50: number;
  readonly p99: number;
  readonly last: number;
  /** The longest of the calls meanwhile. */
  readonly longestCall: number;
}

/** The bodies of the calls; `CURSOR` and `NUMBER` are put in. */
interface Bodies {
  readonly begin: string;
  readonly wait: string;
  readonly change: string;
  readonly other: string;
}

const RPC: Bodies = {
  begin: writeCall('wait_for_change', ['', 0, 'payments']),
  wait: writeCall('wait_for_change', ['CURSOR', 300, 'payments']),
  change: writeCall('register', ['payments', '127.0.0.1', 'NUMBER']),
  other: writeCall('lookup', ['payments']),
};
/** The bare server looks at the first letter only. */
const BARE: Bodies = { begin: 'begin', wait: 'wait CURSOR', change: 'change NUMBER', other: 'other' };
const CONNECTED_AT_ONCE = 100;

/** A connection that has one request under way at a time. */
class Client {
  readonly #socket: Socket;
  #chunks: Buffer[] = [];
  #missing = Number.NaN;
  #done: (text: string) => void = () => {};

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk) => this.#read(chunk));
    socket.on('close', () => {
      throw new Error('the server closed a connection');
    });
  }

  static open(url: URL): Promise<Client> {
    return new Promise((resolve, reject) => {
      const socket = connect(Number(url.port), url.hostname, () => resolve(new Client(socket)));
      socket.once('error', reject);
    });
  }

  send(body: string, done: (text: string) => void): void {
    this.#done = done;
    this.#socket.write(
      `POST /RPC2 HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/xml\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    );
  }

  call(body: string): Promise<string> {
    return new Promise((resolve) => this.send(body, resolve));
  }

  #read(chunk: Buffer): void {
    this.#chunks.push(chunk);
    if (Number.isNaN(this.#missing)) {
      const head = /^HTTP\/1\.1 200[\s\S]*?content-length: (\d+)[\s\S]*?\r\n\r\n/i.exec(
        chunk.subarray(0, 1_000).toString('latin1'),
      );
      if (head === null) throw new Error(`not an answer: ${chunk.subarray(0, 200).toString()}`);
      this.#missing = head[0].length + Number(head[1]);
    }
    this.#missing -= chunk.length;
    if (this.#missing > 0) return;
    const text = Buffer.concat(this.#chunks).toString();
    this.#chunks = [];
    this.#missing = Number.NaN;
    this.#done(text);
  }
}

class Clients {
  readonly #url: URL;
  readonly #bodies: Bodies;
  readonly #waiters: Client[] = [];
  #caller: Client | undefined;
  #other: Worker | undefined;
  #cursor = '';
  #changes = 0;

  constructor(url: URL, bodies: Bodies) {
    this.#url = url;
    this.#bodies = bodies;
  }

  async open(count: number): Promise<void> {
    this.#caller = await Client.open(this.#url);
    const caller = { address: this.#url.href, body: this.#bodies.other };
    this.#other = new Worker(fileURLToPath(import.meta.url), { workerData: caller });
    while (this.#waiters.length < count) {
      const more = Math.min(CONNECTED_AT_ONCE, count - this.#waiters.length);
      this.#waiters.push(...(await Promise.all(Array.from({ length: more }, () => Client.open(this.#url)))));
    }
    this.#cursor = cursorIn(await this.#caller.call(this.#bodies.begin));
  }

  /** All wait, until the change of the next round. Answers once the server has had time to read that. */
  async wait(): Promise<{ read: () => Promise<readonly number[]> }> {
    const body = this.#bodies.wait.replace('CURSOR', this.#cursor);
    const times: number[] = [];
    let last = '';
    const all = new Promise<void>((resolve) => {
      for (const waiter of this.#waiters) {
        waiter.send(body, (text) => {
          times.push(performance.now());
          last = text;
          if (times.length === this.#waiters.length) resolve();
        });
      }
    });
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    if (times.length > 0) throw new Error('somebody was answered before there was a change');
    return {
      read: async () => {
        await all;
        this.#cursor = cursorIn(last);
        return times;
      },
    };
  }

  async change({ read }: { read: () => Promise<readonly number[]> }): Promise<Round> {
    if (this.#caller === undefined || this.#other === undefined) throw new Error('not open');
    this.#other.postMessage('begin');
    // It is at it once it has been answered.
    await once(this.#other, 'message');
    this.#changes += 1;
    await this.#caller.call(this.#bodies.change.replace('NUMBER', String(1_000 + this.#changes)));
    const changedAt = performance.now();
    const times = await read();
    this.#other.postMessage('end');
    const [longestCall] = (await once(this.#other, 'message')) as [number];
    const after = times.map((time) => time - changedAt).toSorted((a, b) => a - b);
    const at = (share: number) => after[Math.ceil(after.length * share) - 1] ?? Number.NaN;
    return { p50: at(0.5), p99: at(0.99), last: at(1), longestCall };
  }
}

/** The bare server has none. */
function cursorIn(text: string): string {
  return /<name>cursor<\/name><value><string>(.*?)<\/string>/.exec(text)?.[1] ?? '';
}

/** Calls without a pause, from `begin` until `end`; answers the first with a message, and then how long the longest took. */
async function callAllTheWhile(address: string, body: string): Promise<void> {
  const client = await Client.open(new URL(address));
  let isOn = false;
  parentPort?.on('message', async (message) => {
    isOn = message === 'begin';
    if (!isOn) return;
    await client.call(body);
    parentPort?.postMessage('begun');
    let longest = 0;
    while (isOn) {
      const began = performance.now();
      await client.call(body);
      longest = Math.max(longest, performance.now() - began);
    }
    parentPort?.postMessage(longest);
  });
}

async function main(): Promise<void> {
  const [address = '', kind = '', count = '0'] = process.argv.slice(2);
  const clients = new Clients(new URL(address), kind === 'bare' ? BARE : RPC);
  let waiting: Awaited<ReturnType<Clients['wait']>> | undefined;
  process.on('message', async (message) => {
    if (message === 'open') await clients.open(Number(count));
    if (message === 'wait') waiting = await clients.wait();
    process.send?.(message === 'change' && waiting ? await clients.change(waiting) : 'done');
  });
  process.on('disconnect', () => process.exit(0));
}

if (isMainThread) await main();
else await callAllTheWhile(workerData.address, workerData.body);

import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:http2';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';

const START_MS = 15_000;
const CONTENT_TYPE = 'application/grpc';

/** What is needed of Debian for {@link Etcd}; undefined where it is all there. */
export function missingForEtcd(): string | undefined {
  const hasAll = ['etcd', 'h2load'].every(
    (name) => spawnSync(name, ['--version'], { stdio: 'ignore' }).error === undefined,
  );
  return hasAll ? undefined : 'needs etcd and h2load (etcd-server and nghttp2-client of Debian)';
}

/** An etcd of our own on loopback, and its durable Put over gRPC. */
export class Etcd {
  readonly #folder: string;
  readonly #process: ChildProcess;
  readonly #url: string;
  readonly #key = Buffer.from('services/payments');

  private constructor(folder: string, url: string, child: ChildProcess) {
    this.#folder = folder;
    this.#url = url;
    this.#process = child;
  }

  /** With its data in a new folder inside of `parent`. */
  static async start(parent: string, valueBytes: number): Promise<Etcd> {
    const folder = await mkdtemp(join(parent, 'etcd-'));
    const [client, peer] = await freePorts();
    const url = `http://127.0.0.1:${client}`;
    const peerUrl = `http://127.0.0.1:${peer}`;
    const child = spawn(
      'etcd',
      [
        ...['--name', 'bench', '--data-dir', join(folder, 'data'), '--logger', 'zap', '--log-level', 'error'],
        ...['--listen-client-urls', url, '--advertise-client-urls', url],
        ...['--listen-peer-urls', peerUrl, '--initial-advertise-peer-urls', peerUrl],
        ...['--initial-cluster', `bench=${peerUrl}`],
      ],
      { stdio: 'ignore' },
    );
    const etcd = new Etcd(folder, url, child);
    try {
      await writeFile(etcd.#bodyFile, frame(field(1, etcd.#key), field(2, Buffer.alloc(valueBytes, 'x'))));
      for (
        let waited = 0;
        !(await etcd.#version().then(
          () => true,
          () => false,
        ));
        waited += 50
      ) {
        if (waited > START_MS || child.exitCode !== null) throw new Error('etcd did not start');
        await pause(50);
      }
      return etcd;
    } catch (error) {
      await etcd.stop();
      throw error;
    }
  }

  /**
   * Puts answered a second. etcd counts a key's versions, so that every answer is known to be a Put that was made;
   * rejects where one was not.
   */
  async put(options: { clients: number; streams: number; seconds: number }): Promise<number> {
    const { clients, streams, seconds } = options;
    const before = await this.#version();
    const { stdout } = await promisify(execFile)(
      'h2load',
      [
        ...['-t1', `-c${clients}`, `-m${streams}`, `-D${seconds}`, '-d', this.#bodyFile],
        ...['-H', `content-type: ${CONTENT_TYPE}`, '-H', 'te: trailers', `${this.#url}/etcdserverpb.KV/Put`],
      ],
      { timeout: (seconds + 30) * 1_000 },
    );
    const made = (await this.#version()) - before;
    const answered = Number(/(\d+) succeeded/.exec(stdout)?.[1]);
    const failed = Number(/(\d+) failed/.exec(stdout)?.[1]);
    // What was under way when the time was over has been made, but is not counted.
    if (!(answered > 0) || failed > 0 || made < answered || made > answered + clients * streams) {
      throw new Error(`etcd made ${made} Puts and h2load counted ${answered}, ${failed} failed:\n${stdout}`);
    }
    return answered / seconds;
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      const exited = once(this.#process, 'exit');
      this.#process.kill('SIGKILL');
      await exited;
    }
    await rm(this.#folder, { recursive: true, force: true });
  }

  get #bodyFile(): string {
    return join(this.#folder, 'put');
  }

  /** How often the key was put: member 4 (version) of the first of RangeResponse's member 2 (kvs). */
  async #version(): Promise<number> {
    const answer = fieldsOf(await this.#call('Range', frame(field(1, this.#key))));
    const kv = answer.get(2);
    return kv instanceof Buffer ? Number(fieldsOf(kv).get(4) ?? 0) : 0;
  }

  /** Rejects unless it ends with grpc-status 0. */
  async #call(method: string, body: Buffer): Promise<Buffer> {
    const session = connect(this.#url);
    try {
      const stream = session.request({
        ':method': 'POST',
        ':path': `/etcdserverpb.KV/${method}`,
        'content-type': CONTENT_TYPE,
        te: 'trailers',
      });
      let status: unknown;
      stream.on('trailers', (trailers) => {
        status = trailers['grpc-status'];
      });
      const failed = once(session, 'error').then(([error]) => Promise.reject(error));
      stream.end(body);
      const chunks = await Promise.race([stream.toArray(), failed]);
      if (status !== '0') throw new Error(`etcd answered ${method} with grpc-status ${status}`);
      return Buffer.concat(chunks).subarray(5);
    } finally {
      session.destroy();
    }
  }
}

/** A gRPC message: not compressed, its length, and it. */
function frame(...parts: readonly Buffer[]): Buffer {
  const message = Buffer.concat(parts);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** A member of a protobuf message that is bytes. */
function field(number: number, bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.from([(number << 3) | 2]), varint(bytes.length), bytes]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (; value > 127; value >>>= 7) bytes.push((value & 127) | 128);
  return Buffer.from([...bytes, value]);
}

/** The first of each member of a protobuf message of numbers and bytes. */
function fieldsOf(message: Buffer): Map<number, number | Buffer> {
  const fields = new Map<number, number | Buffer>();
  let at = 0;
  const next = () => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = message[at++] ?? 0;
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  };
  while (at < message.length) {
    const tag = next();
    const value = next();
    const isBytes = (tag & 7) === 2;
    if (!fields.has(tag >>> 3)) fields.set(tag >>> 3, isBytes ? message.subarray(at, at + value) : value);
    if (isBytes) at += value;
  }
  return fields;
}

async function freePorts(): Promise<[number, number]> {
  const servers = [createServer(), createServer()];
  const ports: number[] = [];
  for (const server of servers) {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    ports.push((server.address() as { port: number }).port);
  }
  for (const server of servers) await new Promise((resolve) => server.close(resolve));
  return [ports[0] ?? 0, ports[1] ?? 0];
}

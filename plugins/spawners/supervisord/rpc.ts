import { request as httpRequest, type IncomingMessage } from 'node:http';
import { type Clock, messageOf, RegistryError, shown } from '../../../core/index.js';
import { readMethodResponse } from '../../transports/xml-rpc/reader.js';
import type { XmlRpcValue } from '../../transports/xml-rpc/values.js';
import { writeCall } from '../../transports/xml-rpc/writer.js';
import type { ServerOptions } from './options.js';

const ANSWER_MS = 4_000;
const MOST_BYTES = 8 * 1_024 * 1_024;

/** Calls one supervisord: over HTTP, or over HTTP on a Unix socket. A connection a call, since it closes idle ones. */
export class Rpc {
  readonly name: string;
  readonly #clock: Clock;
  readonly #url: string;
  readonly #address: { readonly socketPath: string } | { readonly host: string; readonly port: string };
  readonly #authorization: string | undefined;

  constructor(name: string, { url, user, password }: ServerOptions, clock: Clock) {
    this.name = name;
    this.#clock = clock;
    this.#url = url;
    if (url.startsWith('unix://')) this.#address = { socketPath: url.slice('unix://'.length) };
    else {
      const { hostname, port } = new URL(url);
      this.#address = { host: hostname.replace(/^\[|\]$/g, ''), port: port || '80' };
    }
    if (user !== undefined) {
      this.#authorization = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
    }
  }

  /** Rejects with an XmlRpcFault that supervisord answered, or SPAWN_FAILED with what is in the way. */
  async call(method: string, ...params: XmlRpcValue[]): Promise<XmlRpcValue> {
    const body = await this.#post(Buffer.from(writeCall(`supervisor.${method}`, params)));
    return readMethodResponse(body);
  }

  #post(body: Buffer): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const request = httpRequest({
        ...this.#address,
        path: '/RPC2',
        method: 'POST',
        agent: false,
        headers: {
          'Content-Type': 'text/xml',
          'Content-Length': body.length,
          ...(this.#authorization !== undefined && { Authorization: this.#authorization }),
        },
      });
      const fail = (error: Error) => {
        timer.cancel();
        request.destroy();
        reject(this.#explained(error));
      };
      const timer = this.#clock.setTimer(ANSWER_MS, () =>
        fail(new Error(`no answer within ${ANSWER_MS} ms`)),
      );
      request.once('response', (response) => {
        if (response.statusCode !== 200) return fail(new HttpStatus(response.statusCode ?? 0));
        read(response).then((answer) => {
          timer.cancel();
          request.destroy();
          resolve(answer);
        }, fail);
      });
      request.once('upgrade', () => fail(new Error('it switched to another protocol')));
      // Stays on: without a listener, an error that comes late would end the process.
      request.on('error', fail);
      request.end(body);
    });
  }

  #explained(error: Error): RegistryError {
    const what = `supervisord "${this.name}" (${this.#url})`;
    const refused = (text: string) => new RegistryError('SPAWN_FAILED', `${what} ${text}.`, { cause: error });
    if (error instanceof HttpStatus) {
      return error.status === 401
        ? refused(
            'wants another `user` and `password`: those of its [inet_http_server] or [unix_http_server]',
          )
        : refused(`answers HTTP ${error.status}: is \`url\` that of a supervisord?`);
    }
    switch ((error as NodeJS.ErrnoException).code) {
      case 'ECONNREFUSED':
      case 'ENOENT':
        return refused('does not listen there. Start it, or mend `url`');
      case 'EACCES':
        return refused(
          'has a socket that this user may not open. Set `chmod` or `chown` of its [unix_http_server]',
        );
      default:
        return refused(`can't be called: ${shown(messageOf(error), 256)}`);
    }
  }
}

class HttpStatus extends Error {
  constructor(readonly status: number) {
    super(`HTTP ${status}`);
  }
}

async function read(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MOST_BYTES) throw new Error(`it answers with more than ${MOST_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { tempFolder } from '../../../support/temp-folder.js';

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: unknown;
}

type Answer = (response: ServerResponse, asked: Asked) => unknown;

export const ID = 'a'.repeat(64);

/** A server on a socket that answers as a test says, by `METHOD /path`, with ID for any container's id. */
export class FakeEngine {
  readonly socket: string;
  readonly asked: Asked[] = [];
  readonly answers: { [question: string]: Answer };
  readonly #server = createServer((request, response) => void this.#answer(request, response));

  private constructor(socket: string, answers: { [question: string]: Answer }) {
    this.socket = socket;
    this.answers = { ...DEFAULTS, ...answers };
  }

  static async create(answers: { [question: string]: Answer } = {}): Promise<FakeEngine> {
    const engine = new FakeEngine(join(await tempFolder(), 'engine.sock'), answers);
    await engine.listen();
    return engine;
  }

  async listen(): Promise<void> {
    this.#server.listen(this.socket);
    await once(this.#server, 'listening');
  }

  /** Ends, and breaks every connection off. */
  async close(): Promise<void> {
    if (!this.#server.listening) return;
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }

  /** How often this was asked. */
  count(question: string): number {
    return this.asked.filter(({ method, path }) => `${method} ${path}` === question).length;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '', 'http://engine');
    const path = url.pathname.replace(ID, 'ID');
    const method = request.method ?? '';
    let text = '';
    for await (const chunk of request) text += chunk;
    const asked = { method, path, query: url.searchParams, body: text === '' ? undefined : JSON.parse(text) };
    this.asked.push(asked);
    const answer = this.answers[`${method} ${path}`];
    if (answer === undefined) refuse(404, 'no such thing')(response, asked);
    else answer(response, asked);
  }
}

export const json =
  (value: unknown, status = 200): Answer =>
  (response) =>
    response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(value));

export const refuse = (status: number, message: string): Answer => json({ message }, status);

/** The headers, as engines do, and nothing more until the test says so. */
export const hang: Answer = (response) => response.writeHead(200).flushHeaders();

export const state = (Running: boolean, ExitCode = 0): Answer =>
  json({ State: { Running, ExitCode, Pid: Running ? 4_242 : 0 } });

const DEFAULTS: { readonly [question: string]: Answer } = {
  'POST /containers/create': json({ Id: ID }, 201),
  'POST /containers/ID/start': (response) => response.writeHead(204).end(),
  'GET /containers/ID/json': state(true),
  'POST /containers/ID/wait': hang,
  'GET /containers/ID/logs': hang,
  'POST /containers/ID/kill': (response) => response.writeHead(204).end(),
  'DELETE /containers/ID': (response) => response.writeHead(204).end(),
  'GET /containers/json': json([]),
};

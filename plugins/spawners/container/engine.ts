import type { IncomingMessage } from 'node:http';
import { z } from 'zod';
import { shown } from '../../../core/index.js';
import { type EngineLink, EngineRefusal } from './engine-link.js';

/** Ids are hex, and part of paths. */
export const containerId = z.string().regex(/^[0-9a-f]{12,64}$/);

/** What is known of a container. */
export interface ContainerState {
  readonly isRunning: boolean;
  readonly exitCode: number;
  /** As the engine's machine counts; absent where none runs. */
  readonly pid?: number;
}

export interface FoundContainer {
  readonly id: string;
  readonly labels: { readonly [name: string]: string };
}

const created = z.object({ Id: containerId });
const waited = z.object({ StatusCode: z.int() });
const inspected = z.object({
  State: z.object({ Running: z.boolean(), ExitCode: z.int(), Pid: z.int().optional() }),
});
const listed = z
  .array(z.object({ Id: containerId, Labels: z.record(z.string(), z.string()).nullish() }))
  .max(1_000);

/** To start one may take the engine seconds on a busy machine. */
const CHANGE_MS = 30_000;
const LOOK_MS = 5_000;
/** A wait that has lasted so long is asked anew: an engine that hangs says nothing by itself. */
const WAIT_MS = 300_000;
const MOST_LINE = 64 * 1024;

/** What of the engine's API is used here. Each call rejects as EngineLink does, or with a ZodError on a strange answer. */
export class Engine {
  readonly #link: EngineLink;

  constructor(link: EngineLink) {
    this.#link = link;
  }

  get socket(): string {
    return this.#link.socket;
  }

  async create(name: string, body: object): Promise<string> {
    const path = '/containers/create';
    const answer = await this.#link.ask({
      method: 'POST',
      path,
      query: { name },
      body,
      timeoutMs: CHANGE_MS,
    });
    return created.parse(answer).Id;
  }

  async start(id: string): Promise<void> {
    await this.#link.ask({ method: 'POST', path: `/containers/${id}/start`, timeoutMs: CHANGE_MS });
  }

  async kill(id: string, signal: NodeJS.Signals): Promise<void> {
    const path = `/containers/${id}/kill`;
    await this.#link.ask({ method: 'POST', path, query: { signal }, timeoutMs: LOOK_MS });
  }

  /** With what runs in it, and the volumes that nothing else has. One that is gone is no error. */
  async remove(id: string): Promise<void> {
    const query = { force: '1', v: '1' };
    const path = `/containers/${id}`;
    await orGone(this.#link.ask({ method: 'DELETE', path, query, timeoutMs: CHANGE_MS }));
  }

  /** Undefined where there is no such container. */
  async inspect(id: string): Promise<ContainerState | undefined> {
    const path = `/containers/${id}/json`;
    const answer = await orGone(this.#link.ask({ method: 'GET', path, timeoutMs: LOOK_MS }));
    if (answer === undefined) return undefined;
    const { Running, ExitCode, Pid = 0 } = inspected.parse(answer).State;
    return { isRunning: Running, exitCode: ExitCode, ...(Running && Pid > 1 && { pid: Pid }) };
  }

  /** Resolves, when the container has ended, to its exit code; to undefined where there is none, or no such container. */
  async wait(id: string, signal: AbortSignal): Promise<number | undefined> {
    const path = `/containers/${id}/wait`;
    const answer = await orGone(this.#link.ask({ method: 'POST', path, timeoutMs: WAIT_MS, signal }));
    const code = answer === undefined ? -1 : waited.parse(answer).StatusCode;
    return code < 0 ? undefined : code;
  }

  /** What a container has printed since then (seconds since 1970, with a fraction) and prints from now on. */
  logs(id: string, since: number, signal: AbortSignal): Promise<IncomingMessage> {
    const query = { stdout: '1', stderr: '1', follow: '1', since: since.toFixed(3) };
    const path = `/containers/${id}/logs`;
    // Podman begins its answer with the first line that there is.
    return this.#link.stream({ method: 'GET', path, query, timeoutMs: WAIT_MS, signal });
  }

  /** Those that have all of these labels, be they running or not. */
  async list(labels: { readonly [name: string]: string }): Promise<FoundContainer[]> {
    const label = Object.entries(labels).map(([name, value]) => `${name}=${value}`);
    const query = { all: '1', filters: JSON.stringify({ label }) };
    const path = '/containers/json';
    const answer = await this.#link.ask({ method: 'GET', path, query, timeoutMs: LOOK_MS });
    return (
      listed
        .parse(answer)
        .map(({ Id, Labels }) => ({ id: Id, labels: Labels ?? {} }))
        // An engine that does not know the filter answers all.
        .filter((found) => Object.entries(labels).every(([name, value]) => found.labels[name] === value))
    );
  }

  /** Resolves when the image is there. The engine reports progress, and at last success or an error, a line of JSON each. */
  async pull(image: string, signal: AbortSignal): Promise<void> {
    // Without a tag some engines would take all there are.
    const isTagged = /[:@][^/]*$/.test(image);
    const query = { fromImage: isTagged ? image : `${image}:latest` };
    const path = '/images/create';
    const answer = await this.#link.stream({ method: 'POST', path, query, timeoutMs: CHANGE_MS, signal });
    let line = '';
    let failure: string | undefined;
    for await (const chunk of answer.setEncoding('utf8') as AsyncIterable<string>) {
      const lines = (line + chunk).split('\n');
      line = (lines.pop() ?? '').slice(0, MOST_LINE);
      for (const each of lines) failure = errorOf(each) ?? failure;
    }
    failure = errorOf(line) ?? failure;
    if (failure !== undefined) throw new EngineRefusal(404, shown(failure, 1_000));
  }
}

function errorOf(line: string): string | undefined {
  if (!line.includes('"error"')) return undefined;
  try {
    const { error } = JSON.parse(line);
    return typeof error === 'string' ? error : undefined;
  } catch {
    return undefined;
  }
}

async function orGone<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof EngineRefusal && error.status === 404) return undefined;
    throw error;
  }
}

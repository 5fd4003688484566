import { type Awaitable, messageOf, type Opinion, pause } from '../../core/index.js';
import type { ProcessDocument, SupervisorContext } from './process-document.js';
import type { ProcessState } from './restart-policy.js';

/** What must be stored in the end is tried this often, at first every 100 ms, then every 30 s: for about 20 minutes. */
const TRIES = 50;

/** A fault of the registry's own, such as a full disk: no reason to give a service up. */
export class OwnFault extends Error {}

/** What is written of one instance: its record in ServiceDB, and its journal entry, by which the next registry finds it. */
export class Papers {
  readonly #context: SupervisorContext;
  #document: ProcessDocument;
  #cleared: Promise<void> | undefined;
  #isForgotten = false;

  constructor(context: SupervisorContext, document: ProcessDocument) {
    this.#context = context;
    this.#document = document;
  }

  get document(): ProcessDocument {
    return this.#document;
  }

  /** Writes the journal entry, with changes. Rejects with an OwnFault. */
  async write(changes: Partial<ProcessDocument> = {}): Promise<void> {
    this.#document = { ...this.#document, ...changes };
    await own(() => this.#context.journal.put(this.#document.instance, this.#document));
  }

  /** Registers the instance at its address. Rejects with an OwnFault. */
  async register(managed?: Opinion): Promise<void> {
    const { service, instance, host, port } = this.#document;
    const input = { name: service, instance, host, port };
    const options = { owner: 'supervisor', ...(managed && { managed }) };
    await own(() => this.#context.api.services.register(input, options));
  }

  get isRegistered(): boolean {
    const { service, instance } = this.#document;
    return this.#context.api.services.instance(service, instance) !== undefined;
  }

  /** There is nothing against the instance any more. Answers whether that could be stored before the signal aborted. */
  clearToRun(signal: AbortSignal): Promise<boolean> {
    const { service, instance } = this.#document;
    return this.#persist('readiness', signal, () =>
      this.#context.api.services.manage(service, instance, undefined),
    );
  }

  /** Writes the journal entry in the end, however often that fails at first. */
  note(state: ProcessState, signal: AbortSignal): Promise<boolean> {
    return this.#persist(`state ${state}`, signal, () => this.write({ state }));
  }

  draining(): Promise<void> {
    const { service, instance } = this.#document;
    const opinion: Opinion = { status: 'draining', reason: 'is about to be stopped' };
    return this.attempt('draining', () => this.#context.api.services.manage(service, instance, opinion));
  }

  unregister(): Promise<void> {
    const { service, instance } = this.#document;
    return this.attempt('the removal', () => this.#context.api.services.unregister(service, { instance }));
  }

  /** The instance has ended: in this very turn of the event loop it leaves the lookups, whatever the disk does. */
  exited(how: string): void {
    const { service, instance } = this.#document;
    try {
      this.#context.api.services.exited(service, instance, how);
    } catch (error) {
      this.#log('its end', error);
    }
  }

  /** The instance is no more: first its record goes, then the entry by which it would be looked for. */
  clear(after: { readonly process: ProcessState; readonly reason: string }): void {
    this.#document = { ...this.#document, state: after.process, reason: after.reason, ref: null, pid: null };
    this.#cleared = this.#clear();
  }

  /** Resolves when all that `clear` began has ended. */
  async settled(): Promise<void> {
    await this.#cleared;
  }

  /** Another instance has its place: nobody asks any more how it ended. */
  forget(): void {
    this.#isForgotten = true;
    this.#cleared = this.#cleared?.then(() => this.#remove());
  }

  /** Does what may fail without harm to the rest. */
  async attempt(what: string, work: () => Awaitable<unknown>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#log(what, error);
    }
  }

  async #clear(): Promise<void> {
    const { api, closing } = this.#context;
    const { service, instance, state } = this.#document;
    const unregister = () => api.services.unregister(service, { instance });
    if (!(await this.#persist('the removal', closing, unregister))) return;
    if (state === 'EXITED' || this.#isForgotten) await this.#remove();
    else await this.note(state, closing);
  }

  async #remove(): Promise<void> {
    const { instance } = this.#document;
    await this.#persist('the end', this.#context.closing, () => this.#context.journal.remove(instance));
  }

  /** The first try is made though the signal has aborted. */
  async #persist(what: string, signal: AbortSignal, work: () => Awaitable<unknown>): Promise<boolean> {
    for (let tries = 1; tries <= TRIES; tries++) {
      try {
        await work();
        return true;
      } catch (error) {
        this.#log(what, error);
      }
      await pause(this.#context.api.clock, Math.min(100 * 2 ** (tries - 1), 30_000), signal);
      if (signal.aborted) return false;
    }
    return false;
  }

  #log(what: string, error: unknown): void {
    const { instance } = this.#document;
    this.#context.api.logger.error(
      { instance, err: error },
      `${instance}: ${what} failed: ${messageOf(error)}`,
    );
  }
}

async function own(work: () => Awaitable<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    throw new OwnFault(messageOf(error), { cause: error });
  }
}

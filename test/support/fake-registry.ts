import { RegistryError } from '../../core/index.js';
import type { Answer, CallSettings, Calls, Mark } from '../../plugins/transports/xml-rpc/client/links.js';
import type { XmlRpcValue } from '../../plugins/transports/xml-rpc/values.js';
import type { FakeClock } from './fake-clock.js';

type Struct = { [member: string]: XmlRpcValue };

/**
 * A registry as its client calls it, without a network: of one process after another, each with an epoch of its own. Ids
 * begin at 1 in each, as in a registry that keeps nothing.
 */
export class FakeRegistry implements Calls {
  readonly calls: [method: string, ...params: XmlRpcValue[]][] = [];
  readonly atExit: [method: string, ...params: XmlRpcValue[]][] = [];
  readonly #clock: FakeClock;
  #link = {};
  readonly #waiters = new Set<() => void>();
  #instances: Struct[] = [];
  #changes: Struct[] = [];
  #session = 1;
  #epoch = 1;
  #id = 0;
  isAway = false;
  localAddress: string | undefined = '10.0.0.7';
  /** Names of instances that `lookup` answers as stale. */
  stale = new Set<string>();
  /** Thrown by the next call of a method, once. */
  readonly failures = new Map<string, Error>();

  constructor(clock: FakeClock) {
    this.#clock = clock;
  }

  /** Another process, which knows nothing, answers at the same address. */
  restart(): void {
    this.#instances = [];
    this.#changes = [];
    this.#session += 1;
    this.#epoch += 1;
    this.#id = 0;
    this.#wake();
  }

  /** The registry at the next address answers from now on, which knows nothing. */
  moveOn(): void {
    this.#link = {};
    this.restart();
  }

  /** Every connection breaks, and no new one can be made. */
  goAway(): void {
    this.isAway = true;
    this.#session += 1;
    this.#wake();
  }

  comeBack(): void {
    this.isAway = false;
  }

  get instances(): readonly Struct[] {
    return this.#instances;
  }

  methods(): string[] {
    return this.calls.map(([method]) => method);
  }

  isSame({ link, session }: Mark): boolean {
    return link === this.#link && session === this.#session;
  }

  callAtExit(mark: Mark, method: string, params: readonly XmlRpcValue[]): boolean {
    if (!this.isSame(mark)) return false;
    this.atExit.push([method, ...params]);
    return true;
  }

  async call(method: string, params: readonly XmlRpcValue[], options: CallSettings = {}): Promise<Answer> {
    options.signal?.throwIfAborted();
    this.calls.push([method, ...params]);
    const failure = this.failures.get(method);
    this.failures.delete(method);
    if (failure !== undefined) throw failure;
    this.#needConnection();
    const value = await this.#answer(method, params, options);
    return { value, from: { link: this.#link, session: this.#session } };
  }

  /** Puts an instance there, or changes it. */
  put(name: string, instance: string, changed: Struct = {}): Struct {
    const before = this.#instances.find((one) => one.name === name && one.instance === instance);
    const struct: Struct = {
      ...(before ?? { id: ++this.#id, name, instance, host: '10.0.0.1', port: 9000 }),
      ...(before === undefined && { status: 1, reason: '', tags: [], meta: {}, weight: 1, owner: 'xml-rpc' }),
      ...(before === undefined && { registered_at: new Date(0), updated_at: new Date(0) }),
      ...changed,
    };
    this.#instances = [...this.#instances.filter((one) => one !== before), struct];
    this.#change(before === undefined ? 'registered' : 'changed', struct);
    return struct;
  }

  remove(name: string, instance?: string): boolean {
    const gone = this.#instances.filter(
      (one) => one.name === name && (instance ?? one.instance) === one.instance,
    );
    this.#instances = this.#instances.filter((one) => !gone.includes(one));
    for (const one of gone) this.#change('unregistered', one);
    return gone.length > 0;
  }

  #change(kind: string, instance: Struct): void {
    this.#changes.push({ kind, instance });
    this.#wake();
  }

  #wake(): void {
    for (const wake of [...this.#waiters]) wake();
  }

  #needConnection(): void {
    if (this.isAway) throw new RegistryError('UNREACHABLE', 'The registry at fake did not answer.');
  }

  async #answer(method: string, params: readonly XmlRpcValue[], options: CallSettings): Promise<XmlRpcValue> {
    const [name, second, third] = params as [string, XmlRpcValue, XmlRpcValue];
    switch (method) {
      case 'get_reg_count':
        this.localAddress ??= '10.0.0.7';
        return this.#instances.length;
      case 'register': {
        const [, host, port, status, details] = params as [string, string, number, number, Struct];
        const instance = String(details.instance ?? `${host}:${port}`);
        return this.put(name, instance, { host, port, status, ...details }).id as number;
      }
      case 'heartbeat':
        return this.#instances.some((one) => one.name === name && one.id === second);
      case 'unregister':
        return this.remove(name, this.#instances.find((one) => one.id === second)?.instance as string);
      case 'find': {
        const { name: wanted } = name as unknown as { name: string };
        const { limit, after } = second as { limit: number; after: number };
        return this.#instances
          .filter((one) => one.name === wanted && Number(one.id) > after)
          .sort((a, b) => Number(a.id) - Number(b.id))
          .slice(0, limit);
      }
      case 'lookup':
        return this.#instances
          .filter((one) => one.name === name && (one.status === 1 || this.stale.has(String(one.instance))))
          .map((one) => (one.status === 1 ? one : { ...one, stale: true }));
      case 'resolve':
        return this.put(name, 'started');
      case 'wait_for_change':
        return this.#waitForChange(name, Number(second), String(third), options);
      default:
        throw new Error(`the fake registry has no method "${method}"`);
    }
  }

  async #waitForChange(
    cursor: string,
    waitS: number,
    name: string,
    { signal }: CallSettings,
  ): Promise<XmlRpcValue> {
    const [epoch, revision] = cursor.split(':').map(Number);
    const isOver = new AbortController();
    const timer = this.#clock.setTimer(waitS * 1_000, () => isOver.abort());
    try {
      for (;;) {
        this.#needConnection();
        const now = `${this.#epoch}:${this.#changes.length}`;
        if (epoch !== this.#epoch || revision === undefined) return { cursor: now, changes: [], reset: true };
        const changes = this.#changes.slice(revision).filter((one) => (one.instance as Struct).name === name);
        if (changes.length > 0 || isOver.signal.aborted) return { cursor: now, changes, reset: false };
        await new Promise<void>((resolve, reject) => {
          const end = () => {
            this.#waiters.delete(end);
            signal?.removeEventListener('abort', end);
            if (signal?.aborted) reject(signal.reason);
            else resolve();
          };
          this.#waiters.add(end);
          isOver.signal.addEventListener('abort', end, { once: true });
          signal?.addEventListener('abort', end);
        });
      }
    } finally {
      timer.cancel();
    }
  }
}

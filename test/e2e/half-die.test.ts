import { test } from 'vitest';
import {
  createRegistry,
  definePlugin,
  type Registry,
  type ServiceRecord,
  type Silence,
  silentLogger,
} from '../../core/index.js';
import { builtins } from '../../plugins/index.js';
import { HeldListeners } from '../support/held-listeners.js';

const PROCESSES = 4;
const SERVICES = 20;
const INTERVAL_MS = 2_000;
const TIMEOUT_MS = 1_000;
const FAILURES = 3;
/** A dead instance is known to be dead within this time. */
const NOTICED_MS = INTERVAL_MS * FAILURES + TIMEOUT_MS;

/** Has something done once the test is over. */
type OnEnd = (cleanup: () => Promise<void> | void) => void;

async function hold(count: number, onEnd: OnEnd): Promise<HeldListeners> {
  const held = await HeldListeners.open(count);
  onEnd(() => held.kill());
  return held;
}

/** Waits for the first of many things told that is the one waited for. */
class Until<T> {
  readonly #waiting = new Set<{ isMet: (value: T) => boolean; resolve: () => void }>();

  tell(value: T): void {
    for (const one of this.#waiting) {
      if (!one.isMet(value)) continue;
      this.#waiting.delete(one);
      one.resolve();
    }
  }

  wait(isMet: (value: T) => boolean): Promise<void> {
    return new Promise((resolve) => this.#waiting.add({ isMet, resolve }));
  }
}

interface House {
  readonly registry: Registry;
  readonly holders: readonly HeldListeners[];
  readonly errors: Until<ServiceRecord>;
  readonly verdicts: Until<{ port: number; status: string }>;
  readonly silences: Until<Silence>;
  readonly gone: Until<ServiceRecord>;
}

/** A registry with the real monitor and the real checker, which knows so many listeners of each process, each checked once. */
async function build(onEnd: OnEnd, listeners: number, services: object = {}): Promise<House> {
  const errors = new Until<ServiceRecord>();
  const verdicts = new Until<{ port: number; status: string }>();
  const silences = new Until<Silence>();
  const gone = new Until<ServiceRecord>();
  const ears = definePlugin({
    name: 'ears',
    setup: ({ hooks }) => {
      hooks.statusChanged.tap((record) => errors.tell(record));
      hooks.verdict.tap(({ record, verdict }) =>
        verdicts.tell({ port: record.port, status: verdict.status }),
      );
      hooks.silence.tap((silence) => silences.tell(silence));
      hooks.unregistered.tap((record) => gone.tell(record));
    },
  });
  const registry = await createRegistry({
    config: {
      store: 'memory',
      plugins: [
        ['monitor', { interval: INTERVAL_MS, timeout: TIMEOUT_MS, failures: FAILURES }],
        'tcp-checker',
        ears,
      ],
      services,
    },
    builtins,
    logger: silentLogger,
  });
  onEnd(() => registry.stop());
  await registry.start();
  const holders = await Promise.all(Array.from({ length: PROCESSES }, () => hold(listeners, onEnd)));
  const isChecked = seen(
    verdicts,
    holders.flatMap(({ ports }) => ports),
  );
  for (const holder of holders) await register(registry, holder);
  await isChecked;
  return { registry, holders, errors, verdicts, silences, gone };
}

async function register(
  { services }: Registry,
  { ports }: HeldListeners,
  details: object = {},
): Promise<void> {
  for (const [at, port] of ports.entries()) {
    await services.register({ name: `service-${at % SERVICES}`, host: '127.0.0.1', port, ...details });
  }
}

/** Resolves once every one of the ports was found running by a check from now on. */
function seen(verdicts: House['verdicts'], ports: readonly number[]): Promise<void> {
  const missing = new Set(ports);
  return verdicts.wait(({ port, status }) => {
    if (status === 'running') missing.delete(port);
    return missing.size === 0;
  });
}

/** Resolves once every one of the ports is in error, with the time at which the last was. */
async function inError(errors: House['errors'], ports: readonly number[]): Promise<number> {
  const missing = new Set(ports);
  await errors.wait(({ port, status }) => {
    if (status === 'error') missing.delete(port);
    return missing.size === 0;
  });
  return performance.now();
}

test.concurrent('of 2,000 listeners 1,000 are killed at once: every one is noticed in time, and no other is suspected', async ({
  expect,
  onTestFinished,
}) => {
  const { registry, holders, errors, verdicts } = await build(onTestFinished, 500);
  const dying = holders.slice(0, 2);
  const dead = dying.flatMap(({ ports }) => ports);
  const well = holders.slice(2).flatMap(({ ports }) => ports);
  const suspected: string[] = [];
  const isWell = new Set(well);
  errors.wait(({ port, status, reason }) => {
    if (isWell.has(port)) suspected.push(`${port} is ${status}: ${reason}`);
    return false;
  });

  const killedAt = performance.now();
  const allInError = inError(errors, dead);
  await Promise.all(dying.map((held) => held.kill()));
  expect((await allInError) - killedAt).toBeLessThan(NOTICED_MS);
  await seen(verdicts, well);

  const { services } = registry;
  const served = Array.from({ length: SERVICES }, (_, at) => services.lookup(`service-${at}`));
  expect(served.flatMap(({ records }) => records.map(({ port }) => port)).toSorted()).toEqual(
    well.toSorted(),
  );
  // Half of all is not more than the half that makes a mass silence.
  expect(served.flatMap(({ stale }) => stale)).toEqual([]);
  expect(services.isMassSilent).toBe(false);
  expect(services.find({ port: dead[0] ?? 0 })[0]?.reason).toBe(
    `tcp 127.0.0.1:${dead[0]}: ECONNREFUSED (${FAILURES} failures)`,
  );
  expect(suspected).toEqual([]);
});

test.concurrent('where 300 of 400 die at once it is taken for the network: they are served as stale, and none is removed', async ({
  expect,
  onTestFinished,
}) => {
  const listeners = 100;
  const { registry, holders, errors, silences, gone } = await build(onTestFinished, listeners, {
    forgetAfter: '1s',
    massSilenceWindow: '3s',
    massSilenceMax: '3s',
  });
  const [dying, well] = [holders.slice(0, 3), holders.slice(3)];
  const dead = dying.flatMap(({ ports }) => ports);
  // Their leases end soon, too, and they would be forgotten a second later.
  for (const holder of dying) await register(registry, holder, { ttlMs: 2_000 });
  let removed = 0;
  const allGone = gone.wait(() => ++removed === dead.length);
  const begun = silences.wait(({ isOn }) => isOn);
  const ended = silences.wait(({ isOn }) => !isOn);
  const allInError = inError(errors, dead);
  await Promise.all(dying.map((held) => held.kill()));
  await begun;
  await allInError;

  const { services } = registry;
  expect(services.isMassSilent).toBe(true);
  const { records, stale } = services.lookup('service-0');
  expect(records.map(({ port }) => port).toSorted()).toEqual(
    well.flatMap(({ ports }) => ports.filter((_, at) => at % SERVICES === 0)).toSorted(),
  );
  expect(stale).toHaveLength((listeners / SERVICES) * dying.length);
  await ended;
  expect(removed).toBe(0);
  expect(services.count()).toBe(PROCESSES * listeners);
  // It was nothing but the mass silence that kept them.
  await allGone;
  expect(services.count()).toBe(listeners);
});

import { performance } from 'node:perf_hooks';
import { setTimeout as wait } from 'node:timers/promises';
import { createRegistry, definePlugin, silentLogger } from '../../core/index.js';
import { builtins } from '../../plugins/index.js';
import { HeldListeners } from '../support/held-listeners.js';
import { type BenchRow, median, ratioOf, skippedRow } from './bench-row.js';
import { Haproxy, hasHaproxy } from './haproxy.js';

const LISTENERS = 60;
const ROUNDS = 4;
/** HAProxy's default. */
const INTERVAL = '2s';
/** Everybody has checked everyone more than once. */
const WARM_UP_MS = 6_000;
const NOTICED_MS = 20_000;
/** How often HAProxy is asked. */
const LOOK_MS = 10;

const BACKENDS = {
  plain: `check inter ${INTERVAL}`,
  // As soon again after a failure as Rollcall does by itself.
  quick: `check inter ${INTERVAL} fastinter 400ms`,
};

/** How long each of the listeners was taken for alive after its end, in milliseconds, in one round. */
type Visible = readonly number[];
type Contender = 'rollcall' | keyof typeof BACKENDS;

/** How long listeners that were killed are still taken for alive: by the monitor, and by HAProxy, of the same ones at once. */
export async function benchCrashVisible(): Promise<BenchRow[]> {
  const what = `how long ${LISTENERS} killed listeners are taken for alive, checked every ${INTERVAL} by TCP, the mean`;
  if (!hasHaproxy()) return [skippedRow(what, "HAProxy's", 'haproxy is not installed')];
  const rounds: Record<Contender, Visible>[] = [];
  for (let round = 0; round < ROUNDS; round++) rounds.push(await measure());
  const meansOf = (who: Contender) => rounds.map((round) => mean(round[who]));
  const show = (who: Contender) => {
    const all = rounds.flatMap((round) => round[who]);
    return [Math.min(...all), median(meansOf(who)), Math.max(...all)]
      .map((ms) => (ms / 1_000).toFixed(1))
      .join(', ');
  };
  const row = (name: string, who: 'plain' | 'quick', against: string): BenchRow => ({
    name,
    ratio: ratioOf(meansOf('rollcall'), meansOf(who)),
    against,
    target: 0,
    better: 'lower',
    note: `best, mean, worst: ${show('rollcall')} s to ${show(who)} s`,
  });
  return [
    row(what, 'plain', "HAProxy's, by default"),
    row('the same', 'quick', "HAProxy's, with fastinter 400ms"),
  ];
}

async function measure(): Promise<Record<Contender, Visible>> {
  const held = await HeldListeners.open(LISTENERS);
  const seen: Record<Contender, Map<number, number>> = {
    rollcall: new Map(),
    plain: new Map(),
    quick: new Map(),
  };
  const see = (who: Contender, port: number) => {
    if (!seen[who].has(port)) seen[who].set(port, performance.now());
  };
  const ears = definePlugin({
    name: 'ears',
    setup: ({ hooks }) =>
      hooks.statusChanged.tap(({ port, status }) => {
        if (status === 'error') see('rollcall', port);
      }),
  });
  const registry = await createRegistry({
    config: { store: 'memory', plugins: [['monitor', { interval: INTERVAL }], 'tcp-checker', ears] },
    builtins,
    logger: silentLogger,
  });
  let haproxy: Haproxy | undefined;
  try {
    await registry.start();
    for (const port of held.ports)
      await registry.services.register({ name: 'held', host: '127.0.0.1', port });
    haproxy = await Haproxy.start(held.ports, BACKENDS);
    await wait(WARM_UP_MS);
    const killedAt = performance.now();
    await held.kill();
    const isOver = () => Object.values(seen).every(({ size }) => size === LISTENERS);
    while (!isOver()) {
      if (performance.now() - killedAt > NOTICED_MS)
        throw new Error(
          `not all were noticed: ${Object.entries(seen)
            .map(([who, { size }]) => `${who} ${size}`)
            .join(', ')}`,
        );
      for (const who of ['plain', 'quick'] as const) {
        for (const port of await haproxy.down(who)) see(who, port);
      }
      await wait(LOOK_MS);
    }
    const visible = (who: Contender) => [...seen[who].values()].map((at) => at - killedAt);
    return { rollcall: visible('rollcall'), plain: visible('plain'), quick: visible('quick') };
  } finally {
    await haproxy?.stop();
    await registry.stop();
    await held.kill();
  }
}

function mean(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0) / values.length;
}

import { z } from 'zod';
import { definePlugin, type Verdict } from '../../core/index.js';
import type { Chance } from '../support/chance.js';
import type { FakeClock } from '../support/fake-clock.js';
import type { Actor } from './monitor-actor.js';
import type { Limits } from './monitor-bounds.js';
import type { AwakeTime } from './monitor-time.js';

/** The kinds of checks that instances ask for; all ask the same pretended network. */
export const KINDS = ['web', 'deep'] as const;

/** The rate is kept to over spans of this length. */
const SPAN_MS = 50;

const CONNECT = { status: 'error', output: 'ECONNREFUSED', latencyMs: 1 } as const;

/** The pretended network: it answers checks from what the actors are, and counts how many are under way. */
export class Network {
  readonly #clock: FakeClock;
  readonly #chance: Chance;
  readonly #time: AwakeTime;
  readonly #limits: Limits;
  readonly #slowestMs: number;
  readonly #slowShare: number;
  readonly #actorOf: (name: string, instance: string) => Actor | undefined;
  readonly #fail: (what: string) => void;
  readonly #atHost = new Map<string, number>();
  #underWay = 0;
  /** When each of the last checks began, as many as may begin in a second, in a ring. */
  readonly #begun: Float64Array;
  /** The most that were ever under way at once. */
  most = 0;
  /** When a bound was last reached, or nearly, so that some may have had to wait; in awake time. */
  fullAt = Number.NEGATIVE_INFINITY;
  checks = 0;

  constructor(options: {
    clock: FakeClock;
    time: AwakeTime;
    chance: Chance;
    limits: Limits;
    slowestMs: number;
    slowShare: number;
    actorOf: (name: string, instance: string) => Actor | undefined;
    fail: (what: string) => void;
  }) {
    this.#clock = options.clock;
    this.#chance = options.chance;
    this.#limits = options.limits;
    this.#slowestMs = options.slowestMs;
    this.#slowShare = options.slowShare;
    this.#actorOf = options.actorOf;
    this.#fail = options.fail;
    this.#time = options.time;
    // What is allowed is begun in spans, of which one more may lie within a second than fit.
    const spans = 1_000 / SPAN_MS + 1;
    this.#begun = new Float64Array(spans * Math.ceil((options.limits.rate * SPAN_MS) / 1_000));
    this.#begun.fill(Number.NEGATIVE_INFINITY);
  }

  readonly plugin = definePlugin({
    name: 'network',
    setup: (api) => {
      for (const kind of KINDS) {
        api.addChecker({
          kind,
          options: z.strictObject({}),
          check: ({ target, signal }) => {
            const { name, instance } = target.record ?? { name: '', instance: '' };
            return this.#check(this.#actorOf(name, instance), target, signal);
          },
        });
      }
    },
  });

  #check(
    actor: Actor | undefined,
    { host, port }: { host: string; port: number },
    signal: AbortSignal,
  ): Promise<Verdict> {
    this.#begin(host);
    return new Promise((resolve, reject) => {
      const arrival = this.#clock.setArrival(this.#latency(), () => {
        const health = actor?.port === port && actor.host.name === host ? actor.hasHealth : 'error';
        if (health === 'silent') return;
        this.#end(host);
        signal.removeEventListener('abort', abort);
        resolve(health === 'error' ? CONNECT : { status: health, output: `it is ${health}`, latencyMs: 1 });
      });
      const abort = () => {
        arrival.cancel();
        this.#end(host);
        reject(signal.reason);
      };
      signal.addEventListener('abort', abort, { once: true });
    });
  }

  /** Most answers are quick, and some take their time. */
  #latency(): number {
    return this.#chance.is(this.#slowShare)
      ? this.#chance.next() * this.#slowestMs
      : 0.2 + this.#chance.next() * 10;
  }

  #begin(host: string): void {
    const { inFlight, perHost } = this.#limits;
    const at = this.checks++ % this.#begun.length;
    this.#underWay += 1;
    this.most = Math.max(this.most, this.#underWay);
    const atHost = (this.#atHost.get(host) ?? 0) + 1;
    this.#atHost.set(host, atHost);
    if (this.#underWay > inFlight) this.#fail(`${this.#underWay} checks are under way at once`);
    if (atHost > perHost) this.#fail(`${atHost} checks of ${host} are under way at once`);
    const { monotonic } = this.#time;
    const inMs = monotonic - (this.#begun[at] as number);
    if (inMs < 1_000) this.#fail(`${this.#begun.length} checks were begun within ${inMs} ms`);
    this.#begun[at] = monotonic;
    const spanAgo = this.checks - Math.floor(this.#begun.length / (2_000 / SPAN_MS));
    const isFast =
      spanAgo >= 0 && monotonic - (this.#begun[spanAgo % this.#begun.length] as number) < SPAN_MS;
    if (this.#underWay > inFlight - 1 || atHost > perHost - 1 || isFast) this.fullAt = this.#time.now;
  }

  #end(host: string): void {
    this.#underWay -= 1;
    this.#atHost.set(host, (this.#atHost.get(host) ?? 0) - 1);
  }
}

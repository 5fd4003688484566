import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  NOT_STARTED,
  nextRestart,
  PROCESS_STATES,
  type RestartEvent,
  type RestartPolicy,
  type RestartState,
} from '../../../plugins/supervisor/restart-policy.js';

const POLICY: RestartPolicy = {
  delayMs: 100,
  maxMs: 30_000,
  attempts: 5,
  windowMs: 60_000,
  stableMs: 10_000,
};

/** A place whose time the test moves. */
class Place {
  state: RestartState = NOT_STARTED;
  now = 0;
  delays: number[] = [];
  readonly #policy: RestartPolicy;
  readonly #random: () => number;

  constructor(policy: RestartPolicy = POLICY, random: () => number = () => 0.999) {
    this.#policy = policy;
    this.#random = random;
  }

  turn(event: RestartEvent): void {
    const { state, delayMs } = nextRestart(this.state, event, this.now, this.#random(), this.#policy);
    this.state = state;
    if (event.type === 'ended' && state.process === 'BACKOFF') this.delays.push(delayMs);
  }

  /** One start: ready after `startMs`, unless that is undefined; then dead after `runMs`. Answers the next state's name. */
  life({
    startMs = 0,
    runMs,
    reason = 'exited with code 1',
  }: {
    startMs?: number | undefined;
    runMs: number;
    reason?: string;
  }) {
    this.turn({ type: 'start' });
    this.now += startMs;
    if (runMs > 0) this.turn({ type: 'ready' });
    this.now += runMs;
    this.turn({ type: 'ended', reason, isBlameless: false });
    const { process } = this.state;
    if (process === 'BACKOFF') {
      this.now += Math.ceil(this.delays.at(-1) ?? 0);
      this.turn({ type: 'again' });
    }
    return process;
  }
}

describe('a program that keeps dying', () => {
  test('1.1 s after each start ends in FATAL, with one reason that says how it last died', () => {
    const place = new Place();
    const states = [1, 2, 3, 4, 5].map(() => place.life({ runMs: 1_100, reason: 'exited with code 3' }));
    expect(states).toEqual(['BACKOFF', 'BACKOFF', 'BACKOFF', 'BACKOFF', 'FATAL']);
    expect(place.state.reason).toBe(
      'it died 5 times within 60000 ms and never ran for 10000 ms; the last time: exited with code 3',
    );
  });

  test('waits longer after each death, up to the longest pause', () => {
    const place = new Place({ ...POLICY, attempts: 100, maxMs: 1_000 }, () => 0.5);
    for (let lives = 0; lives < 6; lives++) place.life({ runMs: 1 });
    expect(place.delays).toEqual([50, 100, 200, 400, 500, 500]);
  });

  test('but never becomes ready, each time only after a long while, ends in FATAL too', () => {
    const place = new Place();
    let lives = 0;
    while (place.life({ startMs: 40_000, runMs: 0 }) !== 'FATAL') lives += 1;
    expect(lives).toBe(4);
  });

  test('after a stable run each time is started again at once, for ever', () => {
    const place = new Place();
    for (let lives = 0; lives < 50; lives++) {
      expect(place.life({ runMs: POLICY.stableMs })).toBe('BACKOFF');
      expect(place.delays.at(-1)).toBeLessThanOrEqual(POLICY.delayMs);
    }
  });

  test("of the registry's own faults, such as a full disk, is never given up", () => {
    const place = new Place();
    for (let times = 0; times < 50; times++) {
      place.turn({ type: 'start' });
      place.turn({ type: 'ended', reason: 'the disk is full', isBlameless: true });
      expect(place.state.process).toBe('BACKOFF');
      place.turn({ type: 'again' });
    }
    expect(place.delays.at(-1)).toBeGreaterThan(29_000);
  });
});

test('FATAL is left only by the operator, who starts with a clean record', () => {
  const place = new Place();
  while (place.life({ runMs: 1 }) !== 'FATAL');
  for (const type of ['start', 'ready', 'stop'] as const) {
    place.turn({ type });
    expect(place.state.process).toBe('FATAL');
  }
  place.turn({ type: 'again' });
  expect(place.state).toMatchObject({ process: 'EXITED', deaths: 0, diedAt: [], reason: '' });
});

test('one that was told to stop is not started again', () => {
  const place = new Place();
  place.turn({ type: 'start' });
  place.turn({ type: 'stop' });
  place.turn({ type: 'ended', reason: 'was ended by SIGTERM', isBlameless: false });
  expect(place.state).toMatchObject({ process: 'EXITED', deaths: 0 });
});

const life = fc.record({
  startMs: fc.integer({ min: 0, max: 60_000 }),
  runMs: fc.integer({ min: 0, max: 30_000 }),
});
const policy = fc.record({
  delayMs: fc.integer({ min: 1, max: 5_000 }),
  maxMs: fc.integer({ min: 1, max: 60_000 }),
  attempts: fc.integer({ min: 1, max: 10 }),
  windowMs: fc.integer({ min: 1, max: 120_000 }),
  stableMs: fc.integer({ min: 1, max: 20_000 }),
});

test('whatever happens: no pause is longer than its bound, and no more deaths without a stable run fit the window', () => {
  fc.assert(
    fc.property(
      policy,
      fc.array(life, { maxLength: 60 }),
      fc.infiniteStream(fc.double({ min: 0, max: 0.9999, noNaN: true })),
      (rules, lives, chance) => {
        const place = new Place(rules, () => chance.next().value as number);
        let deaths = 0;
        for (const { startMs, runMs } of lives) {
          const state = place.life({ startMs, runMs });
          deaths = runMs >= rules.stableMs ? 1 : deaths + 1;
          if (state === 'FATAL') {
            expect(deaths).toBeGreaterThanOrEqual(rules.attempts);
            return;
          }
          expect(place.delays.at(-1)).toBeLessThanOrEqual(
            Math.min(rules.maxMs, rules.delayMs * 2 ** (deaths - 1)),
          );
          const { diedAt } = place.state;
          expect(diedAt.length).toBeLessThan(rules.attempts);
          expect((diedAt.at(-1) ?? 0) - (diedAt[0] ?? 0)).toBeLessThan(rules.windowMs);
        }
      },
    ),
  );
});

test('a program that dies sooner than stable, without a pause that outlasts the window, is given up at the last attempt', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 9_999 }), fc.integer({ min: 0, max: 20_000 }), (runMs, startMs) => {
      const place = new Place({ ...POLICY, windowMs: 80_000 });
      const states = [1, 2, 3, 4, 5].map(() => place.life({ startMs, runMs }));
      expect(states.at(-1)).toBe('FATAL');
    }),
  );
});

test('any order of events leaves it in one of the six states, and time is never needed to stay there', () => {
  const event: fc.Arbitrary<RestartEvent> = fc.oneof(
    fc.constantFrom<RestartEvent>({ type: 'start' }, { type: 'ready' }, { type: 'stop' }, { type: 'again' }),
    fc.boolean().map((isBlameless): RestartEvent => ({ type: 'ended', reason: 'x', isBlameless })),
  );
  fc.assert(
    fc.property(fc.array(event, { maxLength: 100 }), (events) => {
      let state = NOT_STARTED;
      for (const [at, next] of events.entries()) {
        const before = state.process;
        state = nextRestart(state, next, at * 100, 0.5, POLICY).state;
        expect(PROCESS_STATES).toContain(state.process);
        // Nothing is started but from EXITED: that is why nothing runs twice.
        if (state.process === 'STARTING') expect(['STARTING', 'EXITED']).toContain(before);
      }
    }),
  );
});

import { describe, expect, it } from 'vitest';
import { RegistryError } from '../../../../core/index.js';
import { type LongRead, Turns } from '../../../../plugins/transports/xml-rpc/turns.js';
import { FakeClock } from '../../../support/fake-clock.js';

const caller = { signal: new AbortController().signal };

/** Turns on a clock and an event loop that a test moves by hand. */
function byHand() {
  const clock = new FakeClock();
  const due: (() => void)[] = [];
  const turns = new Turns(clock, (run) => void due.push(run));
  /** A read of so many steps of so many milliseconds, which writes down each. */
  function* read(log: string[], name: string, steps: number, ms: number): LongRead<string> {
    for (let step = 1; step <= steps; step++) {
      clock.advance(ms);
      log.push(`${name}${step}`);
      yield;
    }
    return name;
  }
  const loop = async () => {
    for (const run of due.splice(0)) run();
    for (let n = 0; n < 10; n++) await null;
  };
  return { clock, turns, due, read, loop };
}

describe('what takes long', () => {
  it('is answered at once, without a promise, where it takes less than 10 ms', () => {
    const { turns, read } = byHand();
    expect(turns.run(() => read([], 'a', 4, 2), caller)).toBe('a');
  });

  it('works 10 ms with all that begin at the same time, and then in turn with them, one each time the event loop goes round', async () => {
    const { turns, read, loop } = byHand();
    const log: string[] = [];
    const both = Promise.all([
      turns.run(() => read(log, 'a', 5, 5), caller),
      turns.run(() => read(log, 'b', 5, 5), caller),
      turns.run(() => read(log, 'c', 2, 5), caller),
    ]);
    const rounds: string[] = [];
    for (let round = 0; round < 8; round++) {
      rounds.push(log.splice(0).join(' '));
      await loop();
    }
    expect(rounds).toEqual(['a1 a2', 'a3 a4', 'b1 b2', 'c1 c2', 'a5', 'b3 b4', '', 'b5']);
    expect(await both).toEqual(['a', 'b', 'c']);
  });

  it('does not hold up what begins while it waits: that has 10 ms of its own', async () => {
    const { turns, read, loop } = byHand();
    const long = Array.from({ length: 20 }, () => turns.run(() => read([], 'long', 4, 5), caller));
    await loop();
    expect(turns.run(() => read([], 'short', 2, 2), caller)).toBe('short');
    for (let round = 0; round < 60; round++) await loop();
    expect(await Promise.all(long)).toEqual(long.map(() => 'long'));
  });

  it('does not keep the event loop going when nothing is left', async () => {
    const { turns, read, loop, due } = byHand();
    const done = turns.run(() => read([], 'a', 3, 10), caller);
    for (let round = 0; round < 5; round++) await loop();
    expect(await done).toBe('a');
    expect(due).toEqual([]);
  });

  it('hands on what it throws, at once or later, and lets others go on', async () => {
    const { turns, read, loop, clock } = byHand();
    function* failing(steps: number): LongRead<string> {
      for (let step = 0; step < steps; step++) {
        clock.advance(10);
        yield;
      }
      throw new Error(`after ${steps}`);
    }
    expect(() => turns.run(() => failing(0), caller)).toThrow('after 0');
    const later = turns.run(() => failing(2), caller) as Promise<string>;
    const other = turns.run(() => read([], 'a', 3, 10), caller);
    const failed = expect(later).rejects.toThrow('after 2');
    for (let round = 0; round < 8; round++) await loop();
    await failed;
    expect(await other).toBe('a');
  });

  it('ends when its caller goes away, or the door closes, and cleans up after itself', async () => {
    const { turns, loop, clock } = byHand();
    let cleaned = 0;
    function* endless(): LongRead<string> {
      try {
        for (;;) {
          clock.advance(10);
          yield;
        }
      } finally {
        cleaned += 1;
      }
    }
    const [gone, closing] = [new AbortController(), new AbortController()];
    const first = turns.run(endless, gone);
    await loop();
    const both = Promise.allSettled([first, turns.run(endless, closing)]);
    gone.abort(new DOMException('gone', 'AbortError'));
    closing.abort(new RegistryError('STOPPING', 'The door closes'));
    for (let round = 0; round < 4; round++) await loop();
    expect(await both).toMatchObject([{ reason: { faultCode: -32300 } }, { reason: { code: 'STOPPING' } }]);
    expect(cleaned).toBe(2);
  });

  it('is not begun, and holds nothing, while four others go on', async () => {
    const { turns, read, loop } = byHand();
    const log: string[] = [];
    const names = ['a', 'b', 'c', 'd', 'e', 'f'];
    const all = names.map((name) => turns.run(() => read(log, name, 3, 10), caller));
    for (let round = 0; round < 10; round++) await loop();
    expect(log.join(' ')).not.toMatch(/[ef]/);
    // What is short does not wait for them.
    expect(turns.run(() => read([], 'short', 1, 1), caller)).toBe('short');
    for (let round = 0; round < 20; round++) await loop();
    expect(await Promise.all(all)).toEqual(names);
  });

  it('hands its place on also where it can not be begun', async () => {
    const { turns, read, loop } = byHand();
    const four = Array.from({ length: 4 }, () => turns.run(() => read([], 'a', 3, 10), caller));
    const refused = Promise.allSettled(
      Array.from({ length: 5 }, () =>
        turns.run((): LongRead<string> => {
          throw new Error('no such query');
        }, caller),
      ),
    );
    const last = turns.run(() => read([], 'last', 3, 10), caller);
    for (let round = 0; round < 40; round++) await loop();
    expect(await Promise.all([...four, last])).toEqual(['a', 'a', 'a', 'a', 'last']);
    expect(await refused).toMatchObject(Array(5).fill({ status: 'rejected' }));
  });

  it('is refused where a thousand others wait, and taken again when they have ended', async () => {
    const { turns, read, loop } = byHand();
    const long = () => read([], 'a', 2, 10);
    const all = Array.from({ length: 1_004 }, () => turns.run(long, caller));
    expect(() => turns.run(long, caller)).toThrow(expect.objectContaining({ code: 'LIMIT_REACHED' }));
    await loop();
    expect(() => turns.run(long, caller)).toThrow(expect.objectContaining({ code: 'LIMIT_REACHED' }));
    await loop();
    expect(turns.run(() => read([], 'short', 1, 1), caller)).toBe('short');
    for (let round = 0; round < 3_100; round++) await loop();
    expect(new Set(await Promise.all(all))).toEqual(new Set(['a']));
    const again = turns.run(long, caller);
    for (let round = 0; round < 3; round++) await loop();
    expect(await again).toBe('a');
  });
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Gate, type GateLimits, type Visitor } from '../../../plugins/monitor/gate.js';
import { FakeClock } from '../../support/fake-clock.js';

/** A gate with visitors that stay until they are let go. */
function make(limits: Partial<GateLimits>) {
  const clock = new FakeClock();
  const gate = new Gate(clock, { inFlight: 1_000, perHost: 1_000, rate: 100_000, ...limits });
  const inside: Visitor[] = [];
  const ask = (kind: string, host: string) => {
    const visitor: Visitor = { kind, host, enter: () => void inside.push(visitor) };
    return { visitor, takeBack: gate.ask(visitor) };
  };
  const leave = (visitor: Visitor) => {
    inside.splice(inside.indexOf(visitor), 1);
    gate.leave(visitor);
  };
  return { clock, gate, inside, ask, leave };
}

describe('the gate', () => {
  test('lets in no more than it may, and the others in the order in which they came', () => {
    const { inside, ask, leave } = make({ inFlight: 2 });
    const all = Array.from({ length: 5 }, () => ask('tcp', 'a').visitor);
    expect(inside).toEqual(all.slice(0, 2));
    leave(inside[0]!);
    expect(inside).toEqual(all.slice(1, 3));
    leave(inside[0]!);
    leave(inside[0]!);
    expect(inside).toEqual(all.slice(3));
  });

  test('lets in no more on one host than it may, and meanwhile those of others', () => {
    const { inside, ask, leave } = make({ perHost: 2 });
    const slow = Array.from({ length: 4 }, () => ask('tcp', 'slow').visitor);
    const other = ask('tcp', 'other').visitor;
    expect(inside).toEqual([slow[0], slow[1], other]);
    leave(slow[1]!);
    expect(inside).toEqual([slow[0], other, slow[2]]);
  });

  test('gives what falls free to the kind that has the fewest, so a slow checker takes no more than its part', () => {
    const { inside, ask, leave } = make({ inFlight: 10 });
    for (let index = 0; index < 100; index++) ask('script', `h${index % 7}`);
    const quick = Array.from({ length: 3 }, (_, index) => ask('tcp', `h${index}`).visitor);
    leave(inside[0]!);
    leave(inside[0]!);
    leave(inside[0]!);
    expect(inside.slice(-3)).toEqual(quick);
  });

  test('goes from host to host, so that one with many waiting does not have all the turns', () => {
    const { inside, ask, leave } = make({ inFlight: 1 });
    const first = ask('tcp', 'busy').visitor;
    for (let index = 0; index < 100; index++) ask('tcp', 'busy');
    const other = ask('tcp', 'other').visitor;
    leave(first);
    leave(inside[0]!);
    expect(inside).toEqual([other]);
  });

  test('begins no more in a second than it may', () => {
    const { clock, gate, inside, ask } = make({ rate: 100 });
    for (let index = 0; index < 1_000; index++) ask('tcp', `h${index}`);
    clock.advance(1_000);
    expect(inside.length).toBeGreaterThanOrEqual(95);
    expect(inside.length).toBeLessThanOrEqual(105);
    clock.advance(9_000);
    expect([inside.length, gate.waiting]).toEqual([1_000, 0]);
    expect(clock.timers).toBe(0);
  });

  test.each([1, 7, 30])('begins no more in a second than it may, be that only %i', (rate) => {
    const { clock, inside, ask } = make({ rate });
    for (let index = 0; index < 1_000; index++) ask('tcp', `h${index}`);
    clock.advance(10_000);
    expect(inside.length).toBeGreaterThanOrEqual(10 * rate);
    expect(inside.length).toBeLessThanOrEqual(10 * rate + 2);
  });

  test.each([
    ['one may be under way at once', { inFlight: 1 }],
    ['one may be under way on its host', { perHost: 1 }],
    ['one may begin at a time', { rate: 20 }],
  ])('lets no kind of check wait for ever behind others that are quick, where only %s', (_, limits) => {
    const { clock, inside, ask, leave } = make(limits);
    for (const kind of ['tcp', 'http', 'dns']) {
      for (let index = 0; index < 30; index++) ask(kind, 'a');
    }
    const seen: string[] = [];
    for (let turn = 0; turn < 9; turn++) {
      for (const visitor of [...inside]) {
        seen.push(visitor.kind);
        leave(visitor);
      }
      clock.advance(50);
    }
    expect(seen.slice(-6).toSorted()).toEqual(['dns', 'dns', 'http', 'http', 'tcp', 'tcp']);
  });

  test('keeps nothing of those who took back their wish, however many did', () => {
    const { gate, ask } = make({ inFlight: 1 });
    ask('tcp', 'a');
    for (let index = 0; index < 1_000; index++) ask('tcp', `h${index}`).takeBack();
    expect([gate.waiting, gate.hosts, gate.ready]).toEqual([0, 1, 0]);
  });

  test('whatever comes, goes and is taken back: within its bounds, no slot unused, nobody forgotten', () => {
    const step = fc.oneof(
      fc.record({
        ask: fc.tuple(fc.constantFrom('tcp', 'http', 'script'), fc.constantFrom('a', 'b', 'c', 'd')),
      }),
      fc.record({ leave: fc.nat() }),
      fc.record({ takeBack: fc.nat() }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), fc.integer({ min: 1, max: 6 }), (steps, perHost) => {
        const limits = { inFlight: 8, perHost };
        const { gate, inside, ask, leave } = make(limits);
        const waiting = new Map<Visitor, () => void>();
        for (const one of steps) {
          if ('ask' in one) {
            const { visitor, takeBack } = ask(...one.ask);
            waiting.set(visitor, takeBack);
          } else if ('leave' in one && inside.length > 0) {
            leave(inside[one.leave % inside.length]!);
          } else if ('takeBack' in one && waiting.size > 0) {
            const [visitor, takeBack] = [...waiting][one.takeBack % waiting.size]!;
            takeBack();
            waiting.delete(visitor);
          }
          for (const visitor of inside) waiting.delete(visitor);
          const onHost = (host: string) => inside.filter((visitor) => visitor.host === host).length;
          expect(gate.underWay).toBe(inside.length);
          expect(gate.waiting).toBe(waiting.size);
          expect(inside.length).toBeLessThanOrEqual(limits.inFlight);
          for (const { host } of inside) expect(onHost(host)).toBeLessThanOrEqual(perHost);
          const couldEnter = [...waiting.keys()].some(({ host }) => onHost(host) < perHost);
          expect(inside.length < limits.inFlight && couldEnter).toBe(false);
        }
        while (inside.length > 0) leave(inside[0]!);
        expect([gate.underWay, gate.waiting, gate.hosts]).toEqual([0, 0, 0]);
      }),
    );
  });
});

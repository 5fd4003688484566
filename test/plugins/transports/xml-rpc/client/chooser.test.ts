import { describe, expect, test } from 'vitest';
import { Chooser, type Strategy } from '../../../../../plugins/transports/xml-rpc/client/chooser.js';
import { type Instance, instanceFrom } from '../../../../../plugins/transports/xml-rpc/client/instance.js';
import { FakeClock } from '../../../../support/fake-clock.js';

function instances(...members: (Partial<Instance> & { instance: string })[]): Instance[] {
  return members.map(({ isStale, ...rest }) =>
    instanceFrom({
      id: 1,
      name: 'payments',
      host: '::1',
      port: 9000,
      status: 1,
      stale: isStale ?? false,
      ...rest,
    } as never),
  );
}

function setUp() {
  const clock = new FakeClock();
  const chooser = new Chooser(clock);
  const choose = (among: Instance[], by?: Strategy, times = 1) =>
    Array.from({ length: times }, () => chooser.choose(among, by)?.instance);
  return { clock, chooser, choose };
}

const counts = (chosen: readonly (string | undefined)[]) => {
  const result: Record<string, number> = {};
  for (const one of chosen) result[String(one)] = (result[String(one)] ?? 0) + 1;
  return result;
};

describe('choosing an instance', () => {
  const three = instances({ instance: 'a' }, { instance: 'b' }, { instance: 'c' });

  test('gives each its turn, unless it is told otherwise, also while some come and go', () => {
    const { choose } = setUp();
    expect(counts(choose(three, undefined, 9))).toEqual({ a: 3, b: 3, c: 3 });
    const [last] = choose(three);
    const without = three.filter(({ instance }) => instance !== last);
    expect(counts(choose(without, 'round-robin', 4))).toEqual(
      Object.fromEntries(without.map(({ instance }) => [instance, 2])),
    );
  });

  test('does not begin with the same one in every client', () => {
    const firsts = Array.from(
      { length: 50 },
      (_, seed) => new Chooser(new FakeClock({ seed })).choose(three)?.instance,
    );
    expect(new Set(firsts).size).toBe(3);
  });

  test('by chance reaches all alike; by weight each as often as its weight says', () => {
    const { choose } = setUp();
    for (const count of Object.values(counts(choose(three, 'random', 3_000)))) {
      expect(count).toBeGreaterThan(900);
      expect(count).toBeLessThan(1_100);
    }
    const weighted = instances(
      { instance: 'a', weight: 3 },
      { instance: 'b', weight: 1 },
      { instance: 'never', weight: 0 },
    );
    const { a = 0, b = 0, never = 0 } = counts(choose(weighted, 'weighted', 4_000));
    expect(never).toBe(0);
    expect(a / b).toBeGreaterThan(2.7);
    expect(a / b).toBeLessThan(3.3);
    const none = instances({ instance: 'a', weight: 0 }, { instance: 'b', weight: 0 });
    expect(Object.keys(counts(choose(none, 'weighted', 100))).sort()).toEqual(['a', 'b']);
  });

  test('takes those that never failed, in turn, then the one whose failure is longest ago', () => {
    const { clock, chooser, choose } = setUp();
    const [a, b, c] = three as [Instance, Instance, Instance];
    chooser.failed(a);
    expect(counts(choose(three, 'least-recently-failed', 4))).toEqual({ b: 2, c: 2 });
    clock.advance(1);
    chooser.failed(b);
    clock.advance(1);
    chooser.failed(c);
    expect(choose(three, 'least-recently-failed', 2)).toEqual(['a', 'a']);
    clock.advance(1);
    chooser.failed(a);
    expect(choose(three, 'least-recently-failed')).toEqual(['b']);
    // Half a minute later all of that is forgotten, and they take turns.
    clock.advance(30_000);
    expect(counts(choose(three, 'least-recently-failed', 6))).toEqual({ a: 2, b: 2, c: 2 });
  });

  test.each(['round-robin', 'random', 'weighted', 'least-recently-failed'] as const)(
    '%s can choose among 200,000',
    (by) => {
      const { choose } = setUp();
      const [one] = three as [Instance];
      const many = Array.from({ length: 200_000 }, (_, index) => ({ ...one, instance: `i${index}` }));
      expect(choose(many, by)).toEqual([expect.stringMatching(/^i\d+$/)]);
    },
  );

  test('takes a stale one only where all are, and says where there is none', () => {
    const { choose } = setUp();
    const some = instances({ instance: 'a' }, { instance: 'b', isStale: true });
    expect(choose(some, 'random', 5)).toEqual(Array(5).fill('a'));
    expect(choose(some.slice(1))).toEqual(['b']);
    expect(choose([])).toEqual([undefined]);
  });

  test('refuses a way that there is not', () => {
    const { chooser } = setUp();
    expect(() => chooser.choose(three, 'best' as Strategy)).toThrow(/expected one of round-robin, random/);
  });

  test('an instance has an address that can be connected to, and can not be changed', () => {
    const [a] = three;
    expect(a?.address).toBe('[::1]:9000');
    expect(Object.isFrozen(a)).toBe(true);
  });
});

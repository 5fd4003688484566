import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { Contributions } from '../../core/contributions.js';
import type { Checker, Verdict } from '../../core/plugin.js';
import { FakeClock } from '../support/fake-clock.js';

const target = { host: '127.0.0.1', port: 9 };
const fine: Verdict = { status: 'running', output: 'ok', latencyMs: 1 };

function setUp(check: Checker['check'], options: z.ZodType = z.object({ path: z.string().default('/') })) {
  const clock = new FakeClock();
  const contributions = new Contributions(clock);
  contributions.checkers.add('http', { kind: 'http', options, check }, 'http-checker');
  return { clock, contributions };
}

describe('what plugins offer', () => {
  it('has one owner a kind; both are named where there are two', () => {
    const { contributions } = setUp(async () => fine);
    const checker = { kind: 'http', options: z.object({}), check: async () => fine };
    expect(() => contributions.checkers.add('http', checker, 'my-http')).toThrow(
      expect.objectContaining({
        code: 'PLUGIN_DUPLICATE',
        message: 'Plugins "http-checker" and "my-http" both offer checker "http". Load one of them.',
      }),
    );
    expect(contributions.checkers.items.get('http')).not.toBe(checker);
  });

  it('goes with its plugin, and may then be offered by another', () => {
    const { contributions } = setUp(async () => fine);
    contributions.collections.add('history', true, 'http-checker');
    contributions.collections.add('audit', true, 'other');
    contributions.remove('http-checker');
    expect(contributions.checkers.items.size).toBe(0);
    expect([...contributions.collections.items.keys()]).toEqual(['audit']);
    contributions.collections.add('history', true, 'other');
  });
});

describe('a check', () => {
  it('answers the verdict, with options checked and defaults filled in', async () => {
    const seen: unknown[] = [];
    const { clock, contributions } = setUp(async ({ options }) => {
      seen.push(options);
      return fine;
    });
    expect(await contributions.check('http', target, { timeoutMs: 100 })).toBe(fine);
    await contributions.check('http', target, { timeoutMs: 100, options: { path: '/up' } });
    expect(seen).toEqual([{ path: '/' }, { path: '/up' }]);
    expect(clock.timers).toBe(0);
  });

  it('rejects a kind that nobody offers, and options that do not fit', async () => {
    const { contributions } = setUp(async () => fine);
    await expect(contributions.check('htpp', target, { timeoutMs: 1 })).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: 'No plugin offers the checker "htpp". Did you mean "http"?',
    });
    await expect(
      contributions.check('http', target, { timeoutMs: 1, options: { pth: 1 } }),
    ).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: 'unknown key "pth". Did you mean "path"?',
    });
  });

  it('rejects where the checker throws, now or later, or answers no verdict', async () => {
    const bad: Checker['check'][] = [
      () => {
        throw new Error('boom');
      },
      () => Promise.reject(new Error('boom')),
      async () => undefined as never,
      async () => ({ status: 'fine' }) as never,
    ];
    for (const check of bad) {
      const { clock, contributions } = setUp(check);
      await expect(contributions.check('http', target, { timeoutMs: 100 })).rejects.toMatchObject({
        code: 'CHECKER_FAILED',
        message: expect.stringMatching(/^Checker "http": (boom|expected a verdict)/),
      });
      await clock.advanceAsync(0);
      expect(clock.timers).toBe(0);
    }
  });

  it('that hangs is the verdict `error`; its signal aborts, and what it then says does not count', async () => {
    const { clock, contributions } = setUp(
      ({ signal }) =>
        new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    );
    const caller = new AbortController();
    const checking = contributions.check('http', target, { timeoutMs: 100, signal: caller.signal });
    await clock.advanceAsync(100);
    expect(await checking).toEqual({ status: 'error', output: 'no answer within 100 ms', latencyMs: 100 });
    caller.abort();
  });

  it('that its caller gives up rejects at once, and is no verdict', async () => {
    const ignored = setUp(() => new Promise(() => {}));
    const caller = new AbortController();
    const call = { timeoutMs: 100, signal: caller.signal };
    const ends = [ignored.contributions.check('http', target, call)];
    const eager = setUp(
      ({ signal }) =>
        new Promise((resolve) =>
          signal.addEventListener('abort', () =>
            resolve({ status: 'error', output: 'aborted', latencyMs: 0 }),
          ),
        ),
    );
    ends.push(eager.contributions.check('http', target, call));
    caller.abort(new Error('unregistered'));
    ends.push(ignored.contributions.check('http', target, call));
    for (const end of ends) await expect(end).rejects.toThrow('unregistered');
    expect(ignored.clock.timers + eager.clock.timers).toBe(0);
  });

  it('whose time ran out while this process stood still is given it once more, for its answer may be there', async () => {
    let answer: (verdict: Verdict) => void = () => {};
    const { clock, contributions } = setUp(() => new Promise((resolve) => (answer = resolve)));
    const checking = contributions.check('http', target, { timeoutMs: 100 });
    await clock.advanceAsync(50);
    clock.stall(60_000);
    await clock.advanceAsync(10);
    answer(fine);
    expect(await checking).toBe(fine);
    expect(clock.timers).toBe(0);
  });

  it('that stays silent is an error also after such a pause, soon', async () => {
    const { clock, contributions } = setUp(() => new Promise(() => {}));
    const checking = contributions.check('http', target, { timeoutMs: 100 });
    clock.stall(60_000);
    await clock.advanceAsync(100);
    expect(await checking).toMatchObject({ status: 'error', output: 'no answer within 100 ms' });
  });

  it('that is prepared is parsed once, and ends with its checker', async () => {
    const seen: unknown[] = [];
    const { contributions } = setUp(async ({ options }) => {
      seen.push(options);
      return fine;
    });
    const check = contributions.prepareCheck('http', { path: '/up' });
    await check(target, { timeoutMs: 100 });
    await check(target, { timeoutMs: 100 });
    expect(seen).toEqual([{ path: '/up' }, { path: '/up' }]);
    expect(seen[0]).toBe(seen[1]);
    expect(() => contributions.prepareCheck('http', { pth: 1 })).toThrow(/Did you mean "path"/);
    contributions.remove('http-checker');
    await expect(check(target, { timeoutMs: 100 })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});

import { describe, expect, it } from 'vitest';
import { RegistryError } from '../../core/errors.js';
import { blame, createGuard, failureText, type TapCall } from '../../core/guard.js';
import { FakeClock } from '../support/fake-clock.js';
import { gate } from '../support/gate.js';
import { recordingLogger } from '../support/recording-logger.js';

function setUp() {
  const clock = new FakeClock();
  return { clock, guard: createGuard(clock, recordingLogger().logger) };
}

const never = () => new Promise<never>(() => {});

describe('limit', () => {
  it('answers what the work answers, now or later, and leaves no timer', async () => {
    const { clock, guard } = setUp();
    expect(await guard.limit('w', 100, () => 1)).toBe(1);
    expect(clock.timers).toBe(0);
    expect(await guard.limit('w', 100, async () => 2)).toBe(2);
    await clock.advanceAsync(50);
    expect(clock.timers).toBe(0);
  });

  it('rejects with what the work throws or rejects with', async () => {
    const { guard } = setUp();
    const error = new Error('no');
    const thrower = () => {
      throw error;
    };
    await expect(guard.limit('w', 100, thrower)).rejects.toBe(error);
    await expect(guard.limit('w', 100, () => Promise.reject(error))).rejects.toBe(error);
    await expect(guard.limit('w', 100, () => Promise.reject(undefined))).rejects.toBe(undefined);
  });

  it('takes any thenable, and survives one whose `then` throws', async () => {
    const { guard } = setUp();
    const then = (done: (value: number) => void) => done(3);
    expect(await guard.limit('w', 100, () => ({ then }) as unknown as PromiseLike<number>)).toBe(3);
    const bad = Object.defineProperty({}, 'then', {
      get() {
        throw new Error('trap');
      },
    });
    await expect(guard.limit('w', 100, () => bad)).rejects.toThrow('trap');
  });

  it('ends work that hangs, at its time, saying what and how long', async () => {
    const { clock, guard } = setUp();
    const ends: string[] = [];
    const limited = (name: string, ms: number) =>
      guard
        .limit(name, ms, never)
        .catch((error: RegistryError) => ends.push(`${error.code} ${error.message}`));
    limited('The late', 400);
    limited('The soon', 100);
    await clock.advanceAsync(150);
    expect(ends).toEqual(['HOOK_TIMEOUT The soon did not end within 100 ms and was given up.']);
    await clock.advanceAsync(300);
    expect(ends).toHaveLength(2);
    expect(clock.timers).toBe(0);
  });

  it('serves a thousand calls with one timer', () => {
    const { clock, guard } = setUp();
    for (let call = 0; call < 1_000; call++) guard.limit('w', 1_000, never).catch(() => {});
    expect(clock.timers).toBe(1);
  });

  it('aborts the signal at the timeout, also one that is asked for only then', async () => {
    const { clock, guard } = setUp();
    let early: AbortSignal | undefined;
    let lateCall: TapCall | undefined;
    const first = guard.limit('first', 100, (call) => {
      early = call.signal;
      return never();
    });
    const second = guard.limit('second', 100, (call) => {
      lateCall = call;
      return never();
    });
    first.catch(() => {});
    second.catch(() => {});
    expect(early?.aborted).toBe(false);
    await clock.advanceAsync(150);
    expect(early?.reason).toMatchObject({ code: 'HOOK_TIMEOUT', message: expect.stringContaining('first') });
    expect(lateCall?.signal.reason).toMatchObject({ message: expect.stringContaining('second') });
    expect(lateCall?.signal).toBe(lateCall?.signal);
  });

  it('leaves the signal of work that ended in time alone', async () => {
    const { clock, guard } = setUp();
    let signal: AbortSignal | undefined;
    await guard.limit('w', 100, async (call) => {
      signal = call.signal;
    });
    await clock.advanceAsync(1_000);
    expect(signal?.aborted).toBe(false);
  });

  it('drops what comes after the timeout, without an unhandled rejection', async () => {
    const { clock, guard } = setUp();
    const unhandled: unknown[] = [];
    const note = (error: unknown) => unhandled.push(error);
    process.on('unhandledRejection', note);
    const late = gate();
    const call = guard.limit('w', 100, () => late.promise);
    call.catch(() => {});
    await clock.advanceAsync(150);
    late.fail(new Error('too late'));
    await clock.advanceAsync(0);
    process.off('unhandledRejection', note);
    await expect(call).rejects.toMatchObject({ code: 'HOOK_TIMEOUT' });
    expect(unhandled).toEqual([]);
  });

  it('times work that an abort listener begins', async () => {
    const { clock, guard } = setUp();
    let inner: Promise<unknown> | undefined;
    const outer = guard.limit('outer', 100, (call) => {
      call.signal.addEventListener('abort', () => {
        inner = guard.limit('inner', 100, never);
        inner.catch(() => {});
      });
      return never();
    });
    outer.catch(() => {});
    await clock.advanceAsync(300);
    await expect(inner).rejects.toThrow('inner did not end');
    expect(clock.timers).toBe(0);
  });

  it('gives up what a disposed plugin has under way, and nothing of others', async () => {
    const { clock, guard } = setUp();
    let signal: AbortSignal | undefined;
    const gone = guard.limit(
      'Plugin "a" in hook demand',
      1_000,
      (call) => {
        signal = call.signal;
        return never();
      },
      'a',
    );
    const other = guard.limit('w', 1_000, never, 'b');
    other.catch(() => {});
    guard.abandon('a');
    await expect(gone).rejects.toMatchObject({ code: 'STOPPING', message: expect.stringContaining('"a"') });
    expect(signal?.aborted).toBe(true);
    expect(await Promise.race([other, Promise.resolve('still under way')])).toBe('still under way');
    await clock.advanceAsync(2_000);
  });
});

describe('what is said of a failure', () => {
  it('is not said twice', () => {
    expect(failureText('It', new Error('broke'))).toBe('It failed: broke');
    expect(failureText('It', new Error('It did not end'))).toBe('It did not end');
    expect(failureText('It', 'a string')).toBe('It failed: a string');
  });

  it('names the plugin, and keeps a code that says more', () => {
    const plain = blame('p', 'Plugin "p" in hook start', new TypeError('x'), 'HOOK_FAILED');
    expect(plain).toMatchObject({ code: 'HOOK_FAILED', message: 'Plugin "p" in hook start failed: x' });
    const nameless = blame('p', 'Plugin "p"', new RegistryError('NOT_FOUND', 'no file'), 'HOOK_FAILED');
    expect(nameless).toMatchObject({ code: 'NOT_FOUND', message: 'Plugin "p" failed: no file' });
    const named = new RegistryError('ADDRESS_IN_USE', 'The plugin "p" cannot listen');
    expect(blame('p', 'Plugin "p"', named, 'HOOK_FAILED')).toBe(named);
  });
});

import { performance } from 'node:perf_hooks';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../core/clock.js';

describe('timers of the system clock', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
    vi.spyOn(performance, 'now').mockImplementation(() => Date.now());
  });
  afterEach(() => {
    vi.restoreAllMocks();
    vi.useRealTimers();
  });

  it('fire once, at their time, also far beyond what setTimeout takes', () => {
    const year = 365 * 86_400_000;
    for (const delay of [0, 1, 50, 2 ** 31 - 1, 2 ** 31, 3 * 2 ** 31, year]) {
      let fired = 0;
      systemClock.setTimer(delay, () => void fired++);
      if (delay > 0) {
        vi.advanceTimersByTime(delay - 1);
        expect(fired, `${delay} ms, too early`).toBe(0);
      }
      vi.advanceTimersByTime(1);
      expect(fired, `${delay} ms`).toBe(1);
      vi.advanceTimersByTime(year);
      expect(fired, `${delay} ms, again`).toBe(1);
    }
  });

  it('take a negative delay for none', () => {
    let fired = 0;
    systemClock.setTimer(-5, () => void fired++);
    vi.advanceTimersByTime(0);
    expect(fired).toBe(1);
  });

  it('never fire once they are cancelled, at whatever stage', () => {
    let fired = 0;
    const near = systemClock.setTimer(10, () => void fired++);
    const far = systemClock.setTimer(3 * 2 ** 31, () => void fired++);
    near.cancel();
    near.cancel();
    vi.advanceTimersByTime(2 ** 31);
    far.cancel();
    vi.advanceTimersByTime(4 * 2 ** 31);
    expect(fired).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('may be cancelled after they fired', () => {
    const timer = systemClock.setTimer(1, () => {});
    vi.advanceTimersByTime(1);
    timer.cancel();
  });
});

describe('the system clock', () => {
  it('gives numbers from 0 up to 1, ids that differ, and a monotonic time that does not go back', () => {
    const numbers = Array.from({ length: 1_000 }, () => systemClock.random());
    expect(numbers.every((number) => number >= 0 && number < 1)).toBe(true);
    expect(new Set(numbers).size).toBeGreaterThan(990);
    expect(new Set(Array.from({ length: 100 }, () => systemClock.uuid())).size).toBe(100);
    let last = systemClock.monotonic();
    for (let count = 0; count < 1_000; count++) {
      const now = systemClock.monotonic();
      expect(now).toBeGreaterThanOrEqual(last);
      last = now;
    }
  });
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Verdict } from '../../../core/plugin.js';
import { type Belief, believe, count, type Thresholds } from '../../../plugins/monitor/thresholds.js';

type Level = Verdict['status'];
const SUBJECT = 'tcp 127.0.0.1:9000';
const OUTPUTS: { [level in Level]: string } = {
  running: 'connected',
  degraded: '429',
  error: 'ECONNREFUSED',
};

const verdict = (status: Level, output = OUTPUTS[status]): Verdict => ({ status, output, latencyMs: 1 });

function countAll(levels: readonly Level[], thresholds: Thresholds, from = believe('running', '')): Belief {
  return levels.reduce((belief, level) => count(belief, verdict(level), thresholds, SUBJECT), from);
}

const level = fc.constantFrom<Level>('running', 'degraded', 'error');
const levels = fc.array(level, { maxLength: 60 });
const thresholds = fc.record({
  failures: fc.integer({ min: 1, max: 5 }),
  successes: fc.integer({ min: 1, max: 5 }),
});
const THREE_ONE = { failures: 3, successes: 1 };

test('an instance is in error with the third failure in a row, not before, and the reason says what was seen', () => {
  expect(countAll(['error', 'error'], THREE_ONE)).toMatchObject({ level: 'running', reason: '' });
  const reason = 'tcp 127.0.0.1:9000: ECONNREFUSED (3 failures)';
  expect(countAll(['error', 'error', 'error'], THREE_ONE)).toMatchObject({ level: 'error', reason });
});

test('the reason stays while the failures go on, so that they cost no change', () => {
  const before = countAll(['error', 'error', 'error'], THREE_ONE);
  const after = count(before, verdict('error', 'ETIMEDOUT'), THREE_ONE, SUBJECT);
  expect(after.reason).toBe(before.reason);
});

test('one success is enough to be running again, where one is asked for', () => {
  expect(countAll(['error', 'error', 'error', 'running'], THREE_ONE)).toMatchObject({
    level: 'running',
    reason: '',
  });
});

test('an instance that swings between error and degraded is degraded', () => {
  const belief = countAll(['error', 'degraded', 'error'], THREE_ONE);
  expect(belief).toMatchObject({
    level: 'degraded',
    reason: 'tcp 127.0.0.1:9000: ECONNREFUSED (3 in a row)',
  });
});

test('an instance that gets from error to degraded says so', () => {
  const belief = countAll(['error', 'error', 'error', 'degraded'], THREE_ONE);
  expect(belief).toMatchObject({ level: 'degraded', reason: 'tcp 127.0.0.1:9000: 429 (was error)' });
});

test('what was known before a restart holds until the verdicts say otherwise, then in their words', () => {
  const known = believe('error', 'as it was');
  expect(countAll(['error', 'error'], THREE_ONE, known)).toMatchObject({
    level: 'error',
    reason: 'as it was',
  });
  const reason = 'tcp 127.0.0.1:9000: ECONNREFUSED (3 failures)';
  expect(countAll(['error', 'error', 'error'], THREE_ONE, known)).toMatchObject({ level: 'error', reason });
  expect(countAll(['running'], THREE_ONE, known).level).toBe('running');
});

/** The rule said once more, in another way: each of the two bad levels is a switch, and the history turns it. */
function byHistory(history: readonly Level[], { failures, successes }: Thresholds): Level {
  const isOn = (isBad: (level: Level) => boolean) => {
    let on = false;
    for (let end = 1; end <= history.length; end++) {
      const last = (size: number) => (end < size ? undefined : history.slice(end - size, end));
      if (last(failures)?.every(isBad) === true) on = true;
      else if (last(successes)?.every((level) => !isBad(level)) === true) on = false;
    }
    return on;
  };
  if (isOn((level) => level === 'error')) return 'error';
  return isOn((level) => level !== 'running') ? 'degraded' : 'running';
}

test('whatever the verdicts, the level is the one that their history gives', () => {
  fc.assert(
    fc.property(levels, thresholds, (history, limits) => {
      expect(countAll(history, limits).level).toBe(byHistory(history, limits));
    }),
  );
});

test('whatever went before, enough equal verdicts in a row decide', () => {
  fc.assert(
    fc.property(levels, thresholds, level, level, (history, limits, known, last) => {
      const row = Array.from({ length: Math.max(limits.failures, limits.successes) }, () => last);
      expect(countAll([...history, ...row], limits, believe(known, 'known')).level).toBe(last);
    }),
  );
});

test('an instance has a reason exactly while it is not running', () => {
  fc.assert(
    fc.property(levels, thresholds, (history, limits) => {
      const belief = countAll(history, limits);
      expect(belief.reason === '').toBe(belief.level === 'running');
    }),
  );
});

test('an instance whose failures never come in a row of three never leaves running', () => {
  const gaps = fc.array(
    fc.constantFrom<Level[]>(['running'], ['error', 'running'], ['error', 'degraded', 'running']),
  );
  fc.assert(
    fc.property(gaps, (history) => {
      expect(countAll(history.flat(), THREE_ONE).level).toBe('running');
    }),
  );
});

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { everyBomb } from './bombs.js';
import { CORPUS } from './corpus.js';
import { fuzz } from './fuzz.js';
import { judgeReader } from './judge.js';
import { post } from './post.js';
import { TargetProcess } from './target-process.js';

const CASES = join(import.meta.dirname, '../cases/xml-rpc-fuzz');
const cases = readdirSync(CASES).filter((name) => name.endsWith('.xml'));

test('what every stock client sends is read', () => {
  for (const message of CORPUS)
    expect(judgeReader(message), message.toString()).toHaveProperty('call.method');
});

test('a message of any length spent on one thing is read, or refused with the fault that it is due', () => {
  for (const message of everyBomb(200_000)) {
    expect(judgeReader(message).problem, message.toString('latin1', 0, 200)).toBeUndefined();
  }
});

// The long form, with times and memory judged, is `npm run test:fuzz`.
test.each([1, 2])('nothing in a short run of seed %i makes the registry fail', async (seed) => {
  const report = await fuzz({
    seed,
    reads: 1_500,
    posts: 120,
    bombBytes: 50_000,
    isMeasured: false,
    goesOn: (rounds) => rounds < 2,
  });
  expect(report.found).toEqual([]);
  expect(report.reads).toBe(3_000);
});

describe('what a fuzz run once found', () => {
  let target: TargetProcess;
  beforeAll(async () => {
    target = await TargetProcess.start();
  });
  afterAll(() => target.stop());

  test.each(cases)('%s is mended', async (name) => {
    const body = readFileSync(join(CASES, name));
    const expected = judgeReader(body);
    expect(expected.problem).toBeUndefined();
    expect(await post(target.url, body, expected)).toBeUndefined();
    expect(target.hasEnded).toBe(false);
  });
});

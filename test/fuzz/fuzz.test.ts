import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { writeFault, writeResponse } from '../../plugins/transports/xml-rpc/writer.js';
import { everyBomb } from './bombs.js';
import { CORPUS } from './corpus.js';
import { fuzz } from './fuzz.js';
import { judgeAnswer, judgeReader } from './judge.js';
import { post } from './post.js';
import { TargetProcess } from './target-process.js';

const CASES = join(import.meta.dirname, '../cases/xml-rpc-fuzz');
const cases = readdirSync(CASES).filter((name) => name.endsWith('.xml'));

test('what every stock client sends is read', () => {
  for (const message of CORPUS)
    expect(judgeReader(message), message.toString()).toHaveProperty('call.method');
});

test('the run would know a failing registry from one that does well', () => {
  const answered = { call: { method: 'm', params: [] } };
  expect(judgeAnswer(200, writeResponse(1), answered)).toBeUndefined();
  expect(judgeAnswer(200, writeFault(-32700, 'no'), { fault: -32700 })).toBeUndefined();
  expect(judgeAnswer(200, writeFault(-32700, 'no'), { fault: -32702 })).toContain('the reader said -32702');
  expect(judgeAnswer(200, writeResponse(1), { fault: -32600 })).toContain('no fault');
  expect(judgeAnswer(200, writeFault(-32603, 'failed'), answered)).toContain('-32603');
  expect(judgeAnswer(200, '<methodResponse>&', answered)).toContain('ill-formed');
  expect(judgeAnswer(500, '', answered)).toContain('500');
});

// The long form, with times and memory judged, is `npm run test:fuzz`.
test.each([1, 2])(
  'nothing in a short run of seed %i makes the registry fail',
  { timeout: 60_000 },
  async (seed) => {
    const report = await fuzz({
      seed,
      reads: 1_000,
      posts: 80,
      bombBytes: 50_000,
      isMeasured: false,
      goesOn: (rounds) => rounds < 2,
    });
    expect(report.found).toEqual([]);
    expect(report.reads).toBe(2_000);
  },
);

describe('a registry answers', () => {
  let target: TargetProcess;
  beforeAll(async () => {
    target = await TargetProcess.start();
  });
  afterAll(() => target.stop());

  async function isAnswered(body: Buffer): Promise<void> {
    const expected = judgeReader(body);
    expect(expected.problem).toBeUndefined();
    expect(await post(target.url, body, expected), body.toString('latin1', 0, 200)).toBeUndefined();
    expect(target.hasEnded).toBe(false);
  }

  test.each(cases)('what a fuzz run once found, with the fault that the reader gives: %s', (name) =>
    isAnswered(readFileSync(join(CASES, name))),
  );

  test('220 KB of stray tags, or of any other one thing', { timeout: 60_000 }, async () => {
    for (const message of everyBomb(220_000)) await isAnswered(message);
  });
});

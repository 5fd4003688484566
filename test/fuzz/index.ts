import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { fuzz } from './fuzz.js';
import { inputOf } from './mutate.js';

/** `npm run test:fuzz [-- --minutes N --seed S]`: what it finds is kept in test/cases/xml-rpc-fuzz, which `npm test` replays. */
const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '3' }, seed: { type: 'string' } },
});
const minutes = Number(values.minutes);
const seed = Number(values.seed ?? Date.now() % 1_000_000);
if (!(minutes > 0 && minutes <= 60) || !Number.isSafeInteger(seed)) {
  process.stderr.write('--minutes is more than 0 and at most 60, --seed is an integer\n');
  process.exit(2);
}

const BOMB_BYTES = 1_000_000;
/** Longer inputs are not kept: their seed and number say what they were. */
const LONGEST_KEPT = 64_000;
const cases = join(dirname(fileURLToPath(import.meta.url)), '../../../test/cases/xml-rpc-fuzz');

process.stdout.write(`fuzzing the XML-RPC reader and door for ${minutes} min, --seed ${seed}\n`);
const end = performance.now() + minutes * 60_000;
const report = await fuzz({
  seed,
  reads: 2_000,
  posts: 200,
  bombBytes: BOMB_BYTES,
  isMeasured: true,
  goesOn: () => performance.now() < end,
});

for (const { index, problem } of report.found) {
  process.stdout.write(`${index === undefined ? '' : `input ${index}: `}${problem}\n`);
  if (index === undefined) continue;
  const body = inputOf(seed, index, BOMB_BYTES);
  if (body.length > LONGEST_KEPT) continue;
  mkdirSync(cases, { recursive: true });
  writeFileSync(join(cases, `${seed}-${index}.xml`), body);
}
const { rounds, reads, posts, found, worstRead, worstPost, heapMb } = report;
process.stdout.write(
  `${rounds} rounds: ${reads} messages read, ${posts} posted to a registry; ${found.length} problems\n` +
    `slowest: ${worstRead.toFixed(1)} ms/MB read, ${worstPost.toFixed(1)} ms/MB answered\n` +
    `heap after each round, MB: ${heapMb.map((mb) => mb.toFixed(1)).join(' ')}\n`,
);
process.exitCode = found.length > 0 ? 1 : 0;

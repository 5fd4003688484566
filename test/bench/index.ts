import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { type BenchReport, showRow } from './bench-row.js';
import { writeReport } from './write-report.js';

/** Every benchmark by name; `npm run bench -- microdb` runs one, `--write` puts what it finds into the docs. */
const benches: Record<string, () => Promise<BenchReport>> = {
  microdb: async () => (await import('./microdb.js')).benchMicroDB(),
  lookups: async () => ({ rows: await (await import('./lookups.js')).benchLookups() }),
  recovery: async () => (await import('./recovery.js')).benchRecovery(),
  durable: async () => ({ rows: await (await import('./durable.js')).benchDurable() }),
  checks: async () => ({ rows: await (await import('./checks.js')).benchChecks() }),
  'crash-visible': async () => ({ rows: await (await import('./crash-visible.js')).benchCrashVisible() }),
  'spawned-death': async () => ({ rows: await (await import('./spawned-death.js')).benchSpawnedDeath() }),
  expiry: async () => ({ rows: await (await import('./expiry.js')).benchExpiry() }),
  'xml-rpc-codec': async () => ({ rows: await (await import('./xml-rpc-codec.js')).benchXmlRpcCodec() }),
  waiters: async () => ({ rows: await (await import('./waiters.js')).benchWaiters() }),
  'xml-rpc': async () => ({ rows: await (await import('./xml-rpc.js')).benchXmlRpc() }),
};

const isWriting = process.argv.includes('--write');
const wanted = process.argv.slice(2).filter((argument) => argument !== '--write');
const unknown = wanted.filter((name) => !Object.hasOwn(benches, name));
if (unknown.length > 0) {
  process.stderr.write(
    `There is no benchmark ${unknown.join(', ')}; there are ${Object.keys(benches).join(', ')}.\n`,
  );
  process.exit(2);
}

const machine = `Node ${process.version}, ${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}`;
const docs = fileURLToPath(new URL('../../../docs', import.meta.url));
process.stdout.write(`${machine}\n`);
for (const [name, run] of Object.entries(benches)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  process.stdout.write(`\n${name}\n`);
  const report = await run();
  for (const row of report.rows) process.stdout.write(`  ${showRow(row)}\n`);
  if (!isWriting) continue;
  const today = new Date().toISOString().slice(0, 10);
  const measured = `\`npm run bench -- ${name}\`, ${today}, ${machine}:`;
  const left = await writeReport(docs, name, report, measured);
  if (left !== undefined) process.stderr.write(`${left}\n`);
}

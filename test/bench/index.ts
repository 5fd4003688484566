import { cpus } from 'node:os';
import { type BenchReport, type BenchRow, showRow } from './bench-row.js';

/** Every benchmark by name; `npm run bench -- microdb` runs one. */
const benches: Record<string, () => Promise<BenchReport | BenchRow[]>> = {
  microdb: async () => (await import('./microdb.js')).benchMicroDB(),
  durable: async () => (await import('./durable.js')).benchDurable(),
  'xml-rpc-codec': async () => (await import('./xml-rpc-codec.js')).benchXmlRpcCodec(),
  'xml-rpc': async () => (await import('./xml-rpc.js')).benchXmlRpc(),
};

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !Object.hasOwn(benches, name));
if (unknown.length > 0) {
  process.stderr.write(
    `There is no benchmark ${unknown.join(', ')}; there are ${Object.keys(benches).join(', ')}.\n`,
  );
  process.exit(2);
}

process.stdout.write(`Node ${process.version}, ${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}\n`);
for (const [name, run] of Object.entries(benches)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  process.stdout.write(`\n${name}\n`);
  for (const row of [await run()].flatMap((r) => ('rows' in r ? r.rows : r)))
    process.stdout.write(`  ${showRow(row)}\n`);
}

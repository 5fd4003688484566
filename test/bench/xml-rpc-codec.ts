import { performance } from 'node:perf_hooks';
import { pathToFileURL } from 'node:url';
import { readMethodCall } from '../../plugins/transports/xml-rpc/reader.js';
import { writeCall, writeResponse } from '../../plugins/transports/xml-rpc/writer.js';
import { type BenchRow, median, showRow } from './bench-row.js';

const CALLS = 50_000;
const ROUNDS = 15;

const PARAMS = ['payments-123', '127.0.0.1', 9000, 1];
const COMPACT = writeCall('register', PARAMS);
/** The same call as Python's client writes it, each element on a line. */
const PYTHON = `${COMPACT.replace(/<(\/?methodCall|methodName|\/?params?)>|<value>/g, '\n$&')}\n`;
const INSTANCES = Array.from({ length: 20 }, (_, at) => ({
  id: at + 1,
  name: 'payments',
  instance: `10.0.0.${at}:9000`,
  host: `10.0.0.${at}`,
  port: 9000,
  status: 'running',
}));

/** What reading one `register` and writing its answer costs, in times what JSON.parse and JSON.stringify take for it. */
export async function benchXmlRpcCodec(): Promise<BenchRow[]> {
  const json = Buffer.from(JSON.stringify({ method: 'register', params: PARAMS }));
  const compact = Buffer.from(COMPACT);
  const python = Buffer.from(PYTHON);
  const contenders: Record<'json' | 'compact' | 'python' | 'jsonList' | 'list', () => unknown> = {
    json: () => [JSON.parse(json.toString()), Buffer.from(JSON.stringify(4711))],
    compact: () => [readMethodCall(compact), Buffer.from(writeResponse(4711))],
    python: () => [readMethodCall(python), Buffer.from(writeResponse(4711))],
    jsonList: () => Buffer.from(JSON.stringify(INSTANCES)),
    list: () => Buffer.from(writeResponse(INSTANCES)),
  };
  const times = new Map<string, number[]>();
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, run] of Object.entries(contenders)) {
      const taken = microseconds(run, name.endsWith('ist') ? CALLS / 20 : CALLS);
      times.set(name, [...(times.get(name) ?? []), taken]);
    }
  }
  const took = (name: keyof typeof contenders) => median(times.get(name) ?? []);
  const row = (name: string, of: keyof typeof contenders, than: keyof typeof contenders): BenchRow => ({
    name,
    ratio: took(of) / took(than),
    against: "JSON's time",
    target: 0,
    better: 'lower',
    note: `${took(of).toFixed(2)} µs`,
  });
  return [
    row('XML-RPC codec, register as npm xmlrpc writes it, and its answer', 'compact', 'json'),
    row('XML-RPC codec, register as Python writes it, and its answer', 'python', 'json'),
    row('XML-RPC codec, an answer of 20 instances', 'list', 'jsonList'),
  ];
}

function microseconds(run: () => unknown, times: number): number {
  const start = performance.now();
  for (let i = 0; i < times; i++) run();
  return ((performance.now() - start) * 1000) / times;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  for (const row of await benchXmlRpcCodec()) console.log(showRow(row));
}

import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, test } from 'vitest';
import type { ConfigInput } from '../../core/config.js';
import {
  createRegistry,
  definePlugin,
  type PluginApi,
  type Registry,
  silentLogger,
} from '../../core/index.js';
import { builtins } from '../../plugins/index.js';
import { monitorOptions, RETRY_PART, TIMEOUT_MS } from '../../plugins/monitor/options.js';
import { needs } from '../support/needs.js';
import { runProgram } from '../support/run-program.js';
import { tableRows } from '../support/table-rows.js';

const page = readFileSync(new URL('../../docs/checks.md', import.meta.url), 'utf8');
const section = (title: string) => page.split(/^## /m).find((text) => text.startsWith(title)) ?? '';
const blocks = (language: string) => {
  const fenced = new RegExp(
    `^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$(?:\\n\\n^\`\`\`text\\n([\\s\\S]*?)^\`\`\`$)?`,
    'gm',
  );
  return [...page.matchAll(fenced)].map(([, code = '', shown]) => ({ code, shown }));
};

let registry: Registry | undefined;
afterEach(async () => {
  await registry?.stop();
  registry = undefined;
});

async function start(config: ConfigInput): Promise<{ registry: Registry; api: PluginApi }> {
  let api: PluginApi | undefined;
  const ears = definePlugin({
    name: 'ears',
    setup: (given) => {
      api = given;
    },
  });
  registry = await createRegistry({
    config: { ...config, plugins: [...(config.plugins ?? []), ears] },
    builtins,
    logger: silentLogger,
  });
  await registry.start();
  return { registry, api: api as PluginApi };
}

/** A configuration as the page shows it, at any free port. */
async function load(code: string): Promise<ConfigInput> {
  const url = `data:text/javascript,${encodeURIComponent(code.replace('port: 8800', 'port: 0'))}`;
  return ((await import(/* @vite-ignore */ url)) as { default: ConfigInput }).default;
}

describe('docs/checks.md', () => {
  test('has every checker there is, and no other', () => {
    const kinds = tableRows(section('Which check to choose')).flatMap(
      ([cell = '']) => /^`(.+)`$/.exec(cell)?.[1] ?? [],
    );
    const offered = Object.keys(builtins).flatMap((name) => /^(.+)-checker$/.exec(name)?.[1] ?? []);
    expect(kinds.toSorted()).toEqual(offered.toSorted());
  });

  test('has configurations that check what they say', async () => {
    const [first] = blocks('js');
    const { registry, api } = await start(await load(first?.code ?? ''));
    const kindsOf = async (name: string, details: object = {}) => {
      const record = await registry.services.register({ name, host: '127.0.0.1', port: 9, ...details });
      return api.checkReports(record).map(({ kind }) => kind);
    };
    expect(await kindsOf('web-shop')).toEqual(['http']);
    expect(await kindsOf('ledger')).toEqual(['tcp', 'http']);
    expect(await kindsOf('batch-7')).toEqual([]);
    expect(await kindsOf('payments')).toEqual(['tcp']);
    expect(await kindsOf('web-own', { checks: [{ kind: 'tcp' }] })).toEqual(['tcp']);
    expect(await kindsOf('web-none', { checks: [] })).toEqual(['http']);
  });

  test.each(blocks('js').map(({ code }, at) => ({ at: at + 1, code })))(
    'has a configuration that starts, number $at',
    async ({ code }) => {
      await start(await load(code));
    },
  );

  const python = needs('python3', '-c', 'import xmlrpc.client');
  const programs = blocks('python').map(({ code, shown }, at) => ({ at: at + 1, code, shown }));
  test.skipIf(!python.isMet).each(programs)(
    `has a program that prints what is shown, and every check of which is run, number $at${python.note}`,
    async ({ code, shown }) => {
      const config = { store: 'memory', plugins: [['xml-rpc', { port: 0 }], 'monitor', ...loadable(code)] };
      const { registry, api } = await start(config as ConfigInput);
      const url = `http://127.0.0.1:${registry.doors[0]?.address.port}`;
      const program = code.replace('http://127.0.0.1:8800', url);
      expect(program).toContain(url);
      expect(await runProgram(['python3', '-c', program])).toEqual({ code: 0, out: shown, err: '' });
      const reports = [...registry.services.traverse()].flatMap((record) => api.checkReports(record));
      expect(reports.length).toBeGreaterThan(0);
      expect(reports.filter(({ problem }) => problem !== undefined)).toEqual([]);
    },
  );

  /** The checkers that a program's checks need, and the default's. */
  function loadable(code: string): string[] {
    const kinds = [...code.matchAll(/'kind': '(\w+)'/g)].map(([, kind]) => kind ?? '');
    return [...new Set(['tcp', ...kinds])].map((kind) => `${kind}-checker`);
  }

  test('says how long a crash stays visible as it follows from the defaults', () => {
    const { interval, failures } = monitorOptions.parse({});
    const retries = (failures - 1) * interval * RETRY_PART;
    const ours = (...more: Span[]): Span[] => [[0, interval], [retries, retries], ...more];
    const exactly = (ms: number): Span => [ms, ms];
    const eureka: Span[] = [
      [180_000 - 30_000, 180_000],
      [0, 60_000],
      [0, 30_000],
      [0, 30_000],
    ];
    const expected: Record<string, Span[]> = {
      'Rollcall: a program it started exits': [exactly(0)],
      'Rollcall, `tcp` or `http`: the program is gone: connections are refused': ours(),
      'Rollcall: it hangs (`http`), or its machine is gone': ours(exactly(failures * TIMEOUT_MS)),
      'Rollcall, a lease of 15 s: anything, heartbeats every 5 s': [[15_000 - 5_000, 15_000]],
      'Consul, check every 10 s: connections are refused': [[0, 10_000]],
      'Consul, HTTP check every 10 s: it hangs': [[0, 10_000], exactly(10_000)],
      'Consul, `failures_before_critical` 3: connections are refused': [[0, 10_000], exactly(20_000)],
      'Eureka: anything but a proper end': eureka,
      'Eureka with Spring Cloud LoadBalancer: the same': [...eureka, [0, 35_000]],
      'Nacos 1.x, or over HTTP: anything': [
        [15_000 - 5_000, 15_000],
        [0, 5_000],
      ],
      'Nacos 2 and 3, SDK: the program is gone': [exactly(500)],
      'Nacos 2 and 3, SDK: it hangs, or its machine is gone': [
        [20_000 - 5_000, 20_000],
        [0, 3_000],
        exactly(5_000),
        exactly(500),
      ],
    };
    const shown = tableRows(section('How long a crash stays visible'))
      .slice(2)
      .map(([who, what, ...figures]) => [`${who}: ${what}`, figures.slice(0, 3)]);
    const figuresOf = (spans: readonly Span[]) => {
      const sum = (of: (span: Span) => number) => spans.reduce((total, span) => total + of(span), 0);
      const [best, worst] = [sum(([from]) => from), sum(([, to]) => to)];
      return [best, (best + worst) / 2, worst].map((ms) => `${ms / 1_000} s`);
    };
    expect(Object.fromEntries(shown)).toEqual(
      Object.fromEntries(Object.entries(expected).map(([what, spans]) => [what, figuresOf(spans)])),
    );
  });

  test('has the defaults as they are', () => {
    const { interval, failures, successes, maxInterval, flaps, flapWindow } = monitorOptions.parse({});
    const defaults = Object.fromEntries(
      tableRows(section('The defaults, and why')).map(([what = '', here = '']) => [what, here]),
    );
    expect(defaults).toMatchObject({
      "a check's interval": `${interval / 1_000} s`,
      'its timeout': `${TIMEOUT_MS / 1_000} s, or the interval where that is shorter`,
      'failures until `error`': String(failures),
      'retry after a failure': `a fifth of the interval: ${(interval * RETRY_PART) / 1_000} s`,
      'successes until `running`': String(successes),
      'checks of what is long dead': `a tenth of the time for which it has been so, at most ${maxInterval / 60_000} min`,
      flapping: `${flaps} returns within ${flapWindow / 60_000} min: held at \`degraded\``,
    });
  });
});

/** What may pass, in milliseconds: any time from the one to the other, with the same chance. */
type Span = readonly [from: number, to: number];

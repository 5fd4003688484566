import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { performance } from 'node:perf_hooks';
import { setTimeout as wait } from 'node:timers/promises';
import { z } from 'zod';
import {
  createRegistry,
  definePlugin,
  type PluginApi,
  type Registry,
  readProcessStart,
  silentLogger,
} from '../../core/index.js';
import { builtins } from '../../plugins/index.js';

/** One registry of the benchmark of spawned services (spawned-death.ts), as a process of its own. */

/** What a registry of the benchmark is to run. */
export interface Scene {
  readonly folder: string;
  readonly services: number;
  /** They start when they are asked for, and listen; the others do nothing, and start at once. */
  readonly isOnDemand?: boolean;
}

/** What it may be asked to do; each is answered by what it took. */
export type Task =
  | { readonly task: 'pids' }
  | { readonly task: 'rest'; readonly ms: number }
  | { readonly task: 'kill'; readonly kills: number }
  | { readonly task: 'kill adopted'; readonly kills: number; readonly everyMs: number }
  | { readonly task: 'resolve'; readonly rounds: number };

export interface Killed {
  /** From the signal to the end of the record, in milliseconds. */
  readonly gone: readonly number[];
  /** From the signal to the bare event `exit` of another child that does the same. */
  readonly exit: readonly number[];
  /** How many of them were zombies when they were gone. */
  readonly zombies: number;
}

export interface Resolved {
  readonly resolve: readonly number[];
  /** Starting the same program, and asking its port until it is open. */
  readonly byHand: readonly number[];
}

const SLEEP = ['sleep', '1000000'] as const;
const LISTEN = [
  process.execPath,
  '-e',
  "require('node:net').createServer().listen(Number(process.env.PORT), process.env.HOST)",
] as const;
/** What died is not started again within the benchmark, or hardly ever. */
const NEVER = '24h';
const READY_MS = 120_000;
const LOOK_MS = 50;

async function serve(scene: Scene): Promise<void> {
  const deaths = new Map<string, (at: number) => void>();
  const { registry, api } = await startRegistry(scene, (service) => {
    const at = performance.now();
    if (api.services.lookup(service).records.length > 0) fail(`${service} ended, and is still found`);
    deaths.get(service)?.(at);
  });
  const pids = scene.isOnDemand === true ? new Map<string, number>() : await untilAllRun(api, scene.services);
  process.on('disconnect', () => registry.stop().then(() => process.exit()));

  const death = (service: string): Promise<{ gone: number; isZombie: boolean }> => {
    const pid = pids.get(service) ?? 0;
    return new Promise((resolve) => {
      const from = performance.now();
      deaths.set(service, (at) =>
        resolve({ gone: at - from, isZombie: readProcessStart(pid)?.isZombie === true }),
      );
      process.kill(pid, 'SIGKILL');
    });
  };

  const tasks = {
    pids: async () => [...pids.values()],
    async rest({ ms }: { ms: number }) {
      const before = process.cpuUsage();
      const from = performance.now();
      await wait(ms);
      const { user, system } = process.cpuUsage(before);
      return (user + system) / 1_000 / (performance.now() - from);
    },
    async kill({ kills }: { kills: number }): Promise<Killed> {
      const bare: ChildProcess[] = [];
      for (let at = 0; at < kills; at++) bare.push(await startBare());
      const killed = { gone: [] as number[], exit: [] as number[], zombies: 0 };
      for (const [at, child] of bare.entries()) {
        const own = async () => killed.gone.push((await death(`s${at}`)).gone);
        const other = async () => killed.exit.push(await bareDeath(child));
        // What either leaves to be done meets the other as often.
        for (const kill of at % 2 === 0 ? [own, other] : [other, own]) await kill();
      }
      return killed;
    },
    async 'kill adopted'({ kills, everyMs }: { kills: number; everyMs: number }): Promise<Killed> {
      const all: ReturnType<typeof death>[] = [];
      // One after another, without waiting: so they end at all moments between two looks.
      for (let at = 0; at < kills; at++) {
        all.push(death(`s${at}`));
        await wait(everyMs);
      }
      const ends = await Promise.all(all);
      const zombies = ends.filter(({ isZombie }) => isZombie).length;
      return { gone: ends.map(({ gone }) => gone), exit: [], zombies };
    },
    async resolve({ rounds }: { rounds: number }): Promise<Resolved> {
      const resolved = { resolve: [] as number[], byHand: [] as number[] };
      for (let round = 0; round < rounds; round++) {
        const from = performance.now();
        await registry.services.resolve(`s${round}`, { waitMs: 30_000 });
        resolved.resolve.push(performance.now() - from);
        resolved.byHand.push(await startByHand());
      }
      return resolved;
    },
  };
  process.on('message', async ({ task, ...given }: Task) => {
    const work = tasks[task] as (given: object) => Promise<unknown>;
    process.send?.(await work(given));
  });
  process.send?.('ready');
}

async function startRegistry(
  scene: Scene,
  ended: (service: string) => void,
): Promise<{ registry: Registry; api: PluginApi }> {
  const { folder, services, isOnDemand = false } = scene;
  let kept: PluginApi | undefined;
  const bench = definePlugin({
    name: 'bench',
    setup(api) {
      kept = api;
      api.hooks.exited.tap(({ service }) => ended(service));
      // For programs that listen nowhere.
      api.addChecker({
        kind: 'none',
        options: z.strictObject({}),
        check: async () => ({ status: 'running', output: 'not looked at', latencyMs: 0 }),
      });
    },
  });
  const spec = {
    command: isOnDemand ? LISTEN : SLEEP,
    instances: isOnDemand ? { min: 0, max: 1 } : 1,
    ready: { check: isOnDemand ? 'tcp' : 'none' },
    restart: { delay: NEVER, max: NEVER },
  };
  const specs = Object.fromEntries(Array.from({ length: services }, (_, at) => [`s${at}`, spec]));
  const registry = await createRegistry({
    config: {
      store: ['file', { path: './data' }],
      plugins: ['tcp-checker', 'process-spawner', bench, ['supervisor', { services: specs }]],
    },
    builtins,
    folder,
    logger: silentLogger,
  });
  await registry.start();
  return { registry, api: kept as unknown as PluginApi };
}

/** The pid of each service. */
async function untilAllRun(api: PluginApi, services: number): Promise<Map<string, number>> {
  const until = performance.now() + READY_MS;
  let pids = new Map<string, number>();
  while (performance.now() < until) {
    const call = { by: { door: 'bench' }, signal: new AbortController().signal };
    const lines = (await api.operations.get('ps')?.run({}, call as never)) as unknown as ProcessLine[];
    pids = new Map(
      lines.filter(({ state }) => state === 'RUNNING').map(({ service, pid }) => [service, pid]),
    );
    if (pids.size === services) return pids;
    await wait(LOOK_MS);
  }
  return fail(`${pids.size} of ${services} services run after ${READY_MS} ms`);
}

/** What the operation `ps` answers, as far as it matters here. */
interface ProcessLine {
  readonly service: string;
  readonly state: string;
  readonly pid: number;
}

/** A throw in a hook would only be logged. */
function fail(text: string): never {
  process.stderr.write(`${text}\n`);
  process.exit(1);
}

async function startBare(): Promise<ChildProcess> {
  const child = spawn(SLEEP[0], SLEEP.slice(1), { stdio: 'ignore', detached: true });
  await once(child, 'spawn');
  return child;
}

async function bareDeath(child: ChildProcess): Promise<number> {
  const from = performance.now();
  const exited = once(child, 'exit').then(() => performance.now() - from);
  process.kill(child.pid as number, 'SIGKILL');
  return exited;
}

async function startByHand(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  const from = performance.now();
  const env = { PORT: String(port), HOST: '127.0.0.1' };
  const child = spawn(LISTEN[0], LISTEN.slice(1), { env, stdio: 'ignore', detached: true });
  while (!(await isOpen(port))) await wait(1);
  const took = performance.now() - from;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
  return took;
}

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    const end = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => end(true));
    socket.on('error', () => end(false));
  });
}

const scene = JSON.parse(process.argv[2] ?? '{}') as Scene;
await serve(scene);

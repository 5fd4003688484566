import assert from 'node:assert/strict';
import { connect } from 'node:net';
import type { Exit, JsonObject, SpawnedInstance, Spawner, SpawnInput } from '../../core/index.js';

/** What a spawner's author gives the suite: a spawner, and inputs for it. */
export interface SpawnerUnderTest {
  readonly spawner: Spawner;
  /** A program that listens on `port` of its input until it is sent SIGTERM. Each call gives another instance and port. */
  input(overrides?: Partial<SpawnInput<unknown>>): Promise<SpawnInput<unknown>>;
  /** One that ends by itself, with exit code 3. */
  crashing(): Promise<SpawnInput<unknown>>;
  /** One that can't be started. */
  missing(): Promise<SpawnInput<unknown>>;
  dispose(): Promise<void>;
}

export interface SpawnerSuite {
  /** The test function of any runner: vitest, node:test, mocha. */
  test(name: string, run: () => Promise<void>): unknown;
  create(): Promise<SpawnerUnderTest>;
  /** How long a program may take to listen or to end; 10 s unless it is said. */
  patienceMs?: number;
}

/** Holds a spawner to the contract of core/plugin.ts. Everything it starts it also ends. */
export function describeSpawner({ test, create, patienceMs = 10_000 }: SpawnerSuite): void {
  const check = (name: string, run: (tools: Tools) => Promise<void>) =>
    test(name, async () => {
      const subject = await create();
      const tools = new Tools(subject, patienceMs);
      try {
        await run(tools);
      } finally {
        await tools.end();
        await subject.dispose();
      }
    });

  check('a spawned instance answers on its port, and its ref is plain JSON', async (tools) => {
    const input = await tools.subject.input();
    const handle = await tools.spawn(input);
    assert.equal(handle.port, input.port);
    assert.deepEqual(JSON.parse(JSON.stringify(handle.ref)), handle.ref);
    await tools.answers(handle);
  });

  check('an instance that is told to stop ends, and its port is closed', async (tools) => {
    const handle = await tools.running();
    await handle.stop('SIGTERM');
    const exit = await tools.exit(handle);
    assert.ok('code' in exit && 'signal' in exit);
    assert.equal(await isOpen(handle), false);
  });

  check('an instance that is killed ends at once', async (tools) => {
    const handle = await tools.running();
    await handle.stop('SIGKILL');
    await tools.exit(handle);
    assert.equal(await isOpen(handle), false);
  });

  check('an instance that ends by itself says with which code', async (tools) => {
    const handle = await tools.spawn(await tools.subject.crashing());
    assert.deepEqual(await tools.exit(handle), { code: 3, signal: null });
  });

  check('stopping one that has ended does nothing', async (tools) => {
    const handle = await tools.running();
    await handle.stop('SIGKILL');
    await tools.exit(handle);
    await handle.stop('SIGTERM');
    await handle.stop('SIGKILL');
  });

  check(
    'a start that fails rejects with SPAWN_FAILED, says why, and leaves nothing running',
    async (tools) => {
      const input = await tools.subject.missing();
      await assert.rejects(tools.subject.spawner.spawn(input), isSpawnFailed);
      assert.equal(await isOpen({ host: '127.0.0.1', port: input.port }), false);
    },
  );

  check('a start that was given up before it began starts nothing', async (tools) => {
    const input = await tools.subject.input({ signal: AbortSignal.abort() });
    await assert.rejects(tools.subject.spawner.spawn(input), isSpawnFailed);
    assert.equal(await isOpen({ host: '127.0.0.1', port: input.port }), false);
  });

  check('a start that is given up while it goes on leaves nothing running', async (tools) => {
    const giveUp = new AbortController();
    const input = await tools.subject.input({ signal: giveUp.signal });
    const start = tools.subject.spawner.spawn(input);
    giveUp.abort();
    const handle = await start.catch((error: unknown) => {
      assert.ok(isSpawnFailed(error));
      return undefined;
    });
    // One that had already been started when the signal came is the caller's to stop.
    if (handle !== undefined) await tools.kill(handle);
    assert.equal(await isOpen({ host: '127.0.0.1', port: input.port }), false);
  });

  check('what runs is adopted by its ref, and its end is told', async (tools) => {
    const handle = await tools.running();
    const adopted = await tools.adopt(handle.ref);
    assert.ok(adopted !== undefined, 'a running instance was not adopted');
    assert.deepEqual([adopted.host, adopted.port], [handle.host, handle.port]);
    assert.deepEqual(adopted.ref, handle.ref);
    await adopted.stop('SIGKILL');
    await tools.exit(adopted);
    await adopted.stop('SIGKILL');
  });

  check('what has ended is not adopted', async (tools) => {
    const handle = await tools.running();
    await handle.stop('SIGKILL');
    await tools.exit(handle);
    assert.equal(await tools.adopt(handle.ref), undefined);
  });

  check(
    'what runs is found by its name alone, if the spawner can, and what does not run is not',
    async (tools) => {
      const { spawner } = tools.subject;
      if (spawner.find === undefined) return;
      const input = await tools.subject.input();
      const { service, instance, port } = input;
      assert.equal(await spawner.find({ service, instance, port }), undefined);
      const handle = await tools.spawn(input);
      await tools.answers(handle);
      const found = await spawner.find({ service, instance, port });
      assert.deepEqual([found?.ref, found?.host, found?.port], [handle.ref, handle.host, handle.port]);
      assert.equal(await spawner.find({ service, instance: `${instance}-2`, port }), undefined);
      await found?.stop('SIGKILL');
      await tools.exit(handle);
      assert.equal(await spawner.find({ service, instance, port }), undefined);
    },
  );

  check('a ref that is not from this spawner adopts nothing', async (tools) => {
    for (const ref of [{}, { pid: 'x' }, { pid: 1, id: 'no such one' }] as JsonObject[]) {
      assert.equal(await tools.adopt(ref), undefined);
    }
  });

  check('two instances are apart: ending one leaves the other alone', async (tools) => {
    const [one, other] = await Promise.all([tools.running(), tools.running()]);
    assert.notDeepEqual(one.ref, other.ref);
    await one.stop('SIGKILL');
    await tools.exit(one);
    await tools.answers(other);
  });
}

/** What the tests above share: what was started, so that it is ended, and waits that have an end. */
class Tools {
  readonly subject: SpawnerUnderTest;
  readonly #patienceMs: number;
  readonly #started: SpawnedInstance[] = [];

  constructor(subject: SpawnerUnderTest, patienceMs: number) {
    this.subject = subject;
    this.#patienceMs = patienceMs;
  }

  async spawn(input: SpawnInput<unknown>): Promise<SpawnedInstance> {
    const handle = await this.subject.spawner.spawn(input);
    this.#started.push(handle);
    return handle;
  }

  async running(): Promise<SpawnedInstance> {
    const handle = await this.spawn(await this.subject.input());
    await this.answers(handle);
    return handle;
  }

  /** By way of JSON, as the journal keeps it. */
  adopt(ref: JsonObject): Promise<SpawnedInstance | undefined> {
    return this.subject.spawner.adopt(JSON.parse(JSON.stringify(ref)));
  }

  async exit({ exited }: SpawnedInstance): Promise<Exit> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      const error = new Error(`the end was not told within ${this.#patienceMs} ms`);
      timer = setTimeout(() => reject(error), this.#patienceMs);
    });
    return Promise.race([exited, late]).finally(() => clearTimeout(timer));
  }

  async answers(address: { host: string; port: number }): Promise<void> {
    const until = performance.now() + this.#patienceMs;
    while (!(await isOpen(address))) {
      assert.ok(performance.now() < until, `nothing listens on ${address.host}:${address.port}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  async kill(handle: SpawnedInstance): Promise<void> {
    await handle.stop('SIGKILL');
    await this.exit(handle);
  }

  async end(): Promise<void> {
    await Promise.all(this.#started.map((handle) => this.kill(handle)));
  }
}

function isSpawnFailed(error: unknown): boolean {
  return (
    error instanceof Error &&
    (error as { code?: unknown }).code === 'SPAWN_FAILED' &&
    error.message.length > 20
  );
}

function isOpen({ host, port }: { host: string; port: number }): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const end = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => end(true));
    socket.on('error', () => end(false));
  });
}

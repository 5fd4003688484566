import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type JsonObject,
  type SpawnedInstance,
  type SpawnInput,
  systemClock,
} from '../../../../core/index.js';
import { createContainerSpawner } from '../../../../plugins/spawners/container/container-spawner.js';
import { describeSpawner, type SpawnerUnderTest } from '../../../contracts/spawner.js';
import { recordingLogger } from '../../../support/recording-logger.js';
import { accepts, freePort, IMAGE, LISTEN, Podman, podmanHere, ULIMITS } from './podman.js';

describe.skipIf(!podmanHere.isMet)(`container spawner, by podman${podmanHere.note}`, () => {
  let podman: Podman;
  beforeAll(async () => {
    podman = await Podman.start();
  });
  afterAll(() => podman.dispose());

  let count = 0;
  async function createSubject() {
    const log = recordingLogger();
    const { socket, folder } = podman;
    const spawner = createContainerSpawner({ clock: systemClock, logger: log.logger, socket });
    const input = async (
      spec: object = {},
      overrides: Partial<SpawnInput<unknown>> = {},
    ): Promise<SpawnInput<unknown>> => {
      const port = await freePort();
      const instance = `probe-${++count}`;
      return {
        service: 'probe',
        instance,
        spec: spawner.spec.parse({ image: IMAGE, command: ['sh', '-c', LISTEN], ulimits: ULIMITS, ...spec }),
        port,
        env: { PORT: String(port), HOST: '127.0.0.1', INSTANCE_ID: instance },
        logFile: join(folder, `${instance}.log`),
        signal: new AbortController().signal,
        ...overrides,
      };
    };
    return {
      spawner: spawner as typeof spawner & SpawnerUnderTest['spawner'],
      log,
      input,
      sh: (program: string, spec: object = {}) => input({ command: ['sh', '-c', program], ...spec }),
      dispose: () => spawner.close(),
    };
  }
  type Subject = Awaited<ReturnType<typeof createSubject>>;

  async function using(run: (subject: Subject) => Promise<void>): Promise<void> {
    const subject = await createSubject();
    try {
      await run(subject);
    } finally {
      await subject.dispose();
    }
  }

  const ids = async () =>
    (await podman.run('ps', '--all', '--quiet', '--no-trunc')).split('\n').filter(Boolean);
  const contentOf = (input: SpawnInput<unknown>) => readFile(input.logFile, 'utf8');
  const until = async (isSo: () => Promise<boolean>) => {
    while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 20));
  };
  const listening = (handle: SpawnedInstance) => until(() => accepts(handle));
  const kill = async (handle: SpawnedInstance) => {
    await handle.stop('SIGKILL');
    await handle.exited;
  };

  describeSpawner({
    test,
    create: async () => {
      const subject = await createSubject();
      return {
        spawner: subject.spawner,
        input: (overrides = {}) => subject.input({}, overrides),
        crashing: () => subject.sh('exit 3'),
        missing: () => subject.input({ image: 'localhost/no-such-image:1', pull: 'never' }),
        dispose: subject.dispose,
      };
    },
  });

  test('what it prints is in the log file to the last line, and the container is gone then', () =>
    using(async ({ spawner, sh, dispose }) => {
      const input = await sh('echo to out; echo to err >&2; env; printf end');
      await writeFile(input.logFile, 'before\n');
      const handle = await spawner.spawn(input);
      expect(await handle.exited).toEqual({ code: 0, signal: null });
      await dispose();
      const text = await contentOf(input);
      expect(text).toMatch(/^before\nto out\n/);
      expect(text).toContain('to err\n');
      expect(text).toContain(`PORT=${input.port}\n`);
      expect(text).toMatch(/end$/);
      expect(await ids()).not.toContain(handle.ref.id);
    }));

  test('the spec says as whom and where it runs, with what mounted, and how much memory it has', () =>
    using(async ({ spawner, sh, dispose }) => {
      const file = join(podman.folder, 'mounted.txt');
      await writeFile(file, 'mounted\n', { mode: 0o644 });
      const input = await sh('id -u; pwd; cat /data.txt; (echo x >/data.txt) 2>&1', {
        user: '1000:1000',
        workdir: '/bin',
        mounts: [`${file}:/data.txt:ro`],
        memory: '64m',
        cpus: 0.5,
      });
      await (await spawner.spawn(input)).exited;
      await dispose();
      expect(await contentOf(input)).toMatch(/^1000\n\/bin\nmounted\n.*Read-only file system/s);
    }));

  test('it is named after its instance, for the eyes of who lists containers', () =>
    using(async ({ spawner, input }) => {
      const given = await input();
      const handle = await spawner.spawn(given);
      expect(await podman.run('ps', '--format', '{{.Names}}')).toContain(given.instance);
      await kill(handle);
    }));

  test('its end is told with its code though the service was away when it came, and before', () =>
    using(async ({ spawner, sh, log }) => {
      const given = await sh('trap "echo last words; exit 7" TERM; while true; do sleep 0.05; done');
      const handle = await spawner.spawn(given);
      let isOver = false;
      handle.exited.then(() => {
        isOver = true;
      });
      await podman.endService();
      await until(async () => log.messages('warn').length > 0);
      expect(isOver).toBe(false);
      await podman.run('kill', '--signal', 'TERM', given.instance);
      await podman.serve();
      expect(await handle.exited).toEqual({ code: 7, signal: null });
      expect(log.messages('warn')).toEqual([
        expect.stringMatching(/podman.sock does not say how its containers are: .*They are taken to run/),
      ]);
      expect(log.messages('info')).toEqual([expect.stringContaining('answers again')]);
      await until(async () => (await contentOf(given)).endsWith('last words\n'));
    }));

  test('one that ended while no registry looked is not adopted nor found, and its container is removed', () =>
    using(async ({ spawner, input, dispose }) => {
      const inputs = [await input(), await input()];
      const handles = await Promise.all(inputs.map((each) => spawner.spawn(each)));
      await dispose();
      await podman.run('kill', ...inputs.map(({ instance }) => instance));
      await using(async (next) => {
        expect(await next.spawner.adopt(handles[0]?.ref as JsonObject)).toBeUndefined();
        const { service, instance, port } = inputs[1] as SpawnInput<unknown>;
        expect(await next.spawner.find?.({ service, instance, port })).toBeUndefined();
      });
      const left = await ids();
      for (const { ref } of handles) expect(left).not.toContain(ref.id);
    }));

  test('an adopted one writes on in its log file, without what is there already', () =>
    using(async ({ spawner, sh, dispose }) => {
      const given = await sh('echo one; trap "echo two; exit 0" TERM; while true; do sleep 0.05; done');
      const { ref } = await spawner.spawn(given);
      await until(async () => (await contentOf(given)) === 'one\n');
      await dispose();
      await using(async (next) => {
        const adopted = await next.spawner.adopt(ref);
        await adopted?.stop('SIGTERM');
        expect(await adopted?.exited).toEqual({ code: 0, signal: null });
        await until(async () => (await contentOf(given)) === 'one\ntwo\n');
      });
    }));

  test('with a small first process, a program that minds no signals still ends by SIGTERM', () =>
    using(async ({ spawner, input }) => {
      const handle = await spawner.spawn(await input({ command: ['sleep', '1000'], init: true }));
      await handle.stop('SIGTERM');
      expect((await handle.exited).code).toBe(143);
    }));

  test('removed by hand, it is gone, and nobody knows with which code', () =>
    using(async ({ spawner, input }) => {
      const given = await input();
      const handle = await spawner.spawn(given);
      await listening(handle);
      await podman.run('rm', '--force', '--time', '0', given.instance);
      expect((await handle.exited).signal).toBeNull();
      await handle.stop('SIGTERM');
    }));

  describe('a start that fails leaves no container, and says what to do', () => {
    test.each([
      [
        { image: 'localhost/none:1', pull: 'never' },
        /image "localhost\/none:1" for service "probe".*`pull` to 'missing'/,
      ],
      [{ command: ['no-such-program'] }, /"no-such-program".*Mend `command`/],
      [{ network: 'no-such-network' }, /no-such-network.*mend `network`/],
      [{ user: 'no-such-user' }, /no-such-user/],
    ])('%j', (spec, expected) =>
      using(async ({ spawner, input }) => {
        const before = await ids();
        await expect(spawner.spawn(await input(spec))).rejects.toMatchObject({
          code: 'SPAWN_FAILED',
          message: expect.stringMatching(expected),
        });
        expect(await ids()).toEqual(before);
      }),
    );

    test('where another container has the name, which is left alone', () =>
      using(async ({ spawner, input }) => {
        const given = await input();
        const handle = await spawner.spawn(given);
        const other = { ...given, service: 'other' };
        await expect(spawner.spawn(other)).rejects.toThrow(/Another container has the name/);
        await listening(handle);
        await kill(handle);
      }));
  });
});

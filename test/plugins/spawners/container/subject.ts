import { join } from 'node:path';
import type { SpawnInput } from '../../../../core/index.js';
import { createContainerSpawner } from '../../../../plugins/spawners/container/container-spawner.js';
import { FakeClock } from '../../../support/fake-clock.js';
import { recordingLogger } from '../../../support/recording-logger.js';
import { tempFolder } from '../../../support/temp-folder.js';
import { FakeEngine } from './fake-engine.js';

const closings: (() => Promise<unknown>)[] = [];
/** To be called after each test. */
export async function closeAll(): Promise<void> {
  for (const close of closings.splice(0)) await close();
}

export type Spawn = SpawnInput<ReturnType<ReturnType<typeof createContainerSpawner>['spec']['parse']>>;

/** A spawner with the clock in the test's hand. */
export async function createSubject(socket: string) {
  const clock = new FakeClock();
  const log = recordingLogger();
  const spawner = createContainerSpawner({ clock, logger: log.logger, socket });
  closings.push(async () => {
    const closed = spawner.close();
    await until(async () => clock.advance(1_000), closed);
  });
  const folder = await tempFolder();
  const input = (spec: object = {}, overrides: Partial<Spawn> = {}): Spawn => ({
    service: 'web',
    instance: 'web-1',
    spec: spawner.spec.parse({ image: 'web:1', ...spec }),
    port: 9_000,
    env: { PORT: '9000', HOST: '127.0.0.1' },
    logFile: join(folder, '1.log'),
    signal: new AbortController().signal,
    ...overrides,
  });
  return { spawner, clock, log, input };
}

/** One with an engine that answers so, and else as engines do. */
export async function withEngine(answers: FakeEngine['answers'] = {}) {
  const engine = await FakeEngine.create(answers);
  closings.push(() => engine.close());
  return { engine, ...(await createSubject(engine.socket)) };
}

/** Goes on with a step, such as a second of the clock, until a promise is settled. */
export async function until<T>(step: () => unknown, goal: Promise<T>): Promise<T> {
  let isSettled = false;
  const settle = () => {
    isSettled = true;
  };
  goal.then(settle, settle);
  while (!isSettled) {
    await new Promise((resolve) => setTimeout(resolve, 2));
    if (!isSettled) await step();
  }
  return goal;
}

/** Waits until something is so, with a step before each look. */
export async function untilTrue(
  isSo: () => boolean | Promise<boolean>,
  step: () => unknown = () => {},
): Promise<void> {
  while (!(await isSo())) {
    await new Promise((resolve) => setTimeout(resolve, 2));
    await step();
  }
}

import assert from 'node:assert/strict';
import { performance } from 'node:perf_hooks';
import { setImmediate as turn } from 'node:timers/promises';
import type { Checker, CheckTarget, Verdict } from '../../core/index.js';

/** What a checker's author brings for one test. */
export interface CheckerFixture {
  readonly checker: Checker;
  /** Options as a check spec writes them; `{}` where nothing is needed. */
  readonly options: unknown;
  /** Where it is the options that say what is probed, such as a pid, and not the target: those for this target. */
  optionsOf?(target: CheckTarget): unknown;
  /** A target in good health; the same one at each call will do. */
  healthy(): Promise<CheckTarget>;
  /** A target that is certainly dead, such as a port on which nobody listens. */
  dead(): Promise<CheckTarget>;
  /** A target that never answers, where such a thing can be made. */
  silent?(): Promise<CheckTarget>;
  dispose(): Promise<void>;
}

/** The test function of any runner: vitest, node:test, mocha. */
export type TestFunction = (name: string, run: () => Promise<void>) => void;

/** How soon a check must end once its signal has aborted. */
const SOON_MS = 500;
const PATIENCE_MS = 5_000;

/** What every checker must do. Call it with your runner's `test`; `create` is called anew for each test. */
export function describeChecker({
  test,
  create,
}: {
  test: TestFunction;
  create: () => Promise<CheckerFixture>;
}): void {
  const within = (name: string, run: (fixture: CheckerFixture, probe: Probe) => Promise<void>) =>
    test(name, async () => {
      const fixture = await create();
      try {
        const optionsFor = parseOnce(fixture);
        await run(fixture, (target, signal = AbortSignal.timeout(PATIENCE_MS)) =>
          fixture.checker.check({ target, options: optionsFor(target), signal }),
        );
      } finally {
        await fixture.dispose();
      }
    });

  within('has a kind, and refuses an option that it does not know', async ({ checker, options }) => {
    assert.match(checker.kind, /^[a-z][a-z0-9-]{0,63}$/, 'kind is lower-case letters, digits and dashes');
    const unknown = { ...(options as object), 'no-such-option': true };
    assert.equal(checker.options.safeParse(unknown).success, false, 'an unknown option is refused');
  });

  within('says that a healthy target is running', async ({ healthy }, probe) => {
    const verdict = await probe(await healthy());
    assertVerdict(verdict);
    assert.equal(verdict.status, 'running', verdict.output);
  });

  within('says that a dead target is an error, and what it saw', async ({ dead }, probe) => {
    const verdict = await probe(await dead());
    assertVerdict(verdict);
    assert.equal(verdict.status, 'error');
    assert.notEqual(verdict.output, '');
  });

  within('tells targets apart that are checked at the same time', async ({ healthy, dead }, probe) => {
    const [well, ill] = [await healthy(), await dead()];
    const targets = Array.from({ length: 40 }, (_, index) => (index % 3 === 0 ? ill : well));
    const verdicts = await Promise.all(targets.map((target) => probe(target)));
    const statuses = verdicts.map(({ status }) => status);
    assert.deepEqual(
      statuses,
      targets.map((target) => (target === ill ? 'error' : 'running')),
    );
  });

  within('does not begin when its signal has aborted already', async ({ healthy }, probe) => {
    const target = await healthy();
    await assertEndsUnwell(() => probe(target, AbortSignal.abort()));
  });

  within('ends soon when it is aborted on the way', async ({ healthy, silent }, probe) => {
    const target = await (silent ?? healthy)();
    const controller = new AbortController();
    const ended = probe(target, controller.signal);
    if (silent !== undefined) {
      await turn();
      await turn();
    }
    const abortedAt = performance.now();
    controller.abort();
    await assertEndsUnwell(() => ended);
    assert.ok(performance.now() - abortedAt < SOON_MS, `it must end within ${SOON_MS} ms of the abort`);
  });

  within('leaves nothing open after 200 checks, done or aborted', async ({ healthy, dead }, probe) => {
    const [well, ill] = [await healthy(), await dead()];
    // What the first check opens for good, such as a pool, is not a leak.
    await probe(well);
    await settled(() => true);
    const before = openResources();
    for (let round = 0; round < 20; round++) {
      const controller = new AbortController();
      const checks = Array.from({ length: 10 }, (_, index) =>
        index === 0 ? probe(well, controller.signal) : probe(index % 2 === 0 ? well : ill),
      );
      controller.abort();
      await Promise.allSettled(checks);
    }
    await settled(() => openResources() <= before);
    assert.ok(
      openResources() <= before,
      `open before: ${before}, after: ${process.getActiveResourcesInfo().join(', ')}`,
    );
  });
}

/** The same parsed options at each check of one target, as a registry hands them. */
function parseOnce({ checker, options, optionsOf }: CheckerFixture): (target: CheckTarget) => unknown {
  const ofAll: unknown = checker.options.parse(options);
  const ofTargets = new Map<CheckTarget, unknown>();
  return (target) => {
    if (optionsOf === undefined) return ofAll;
    if (!ofTargets.has(target)) ofTargets.set(target, checker.options.parse(optionsOf(target)));
    return ofTargets.get(target);
  };
}

type Probe = (target: CheckTarget, signal?: AbortSignal) => Promise<Verdict>;

function assertVerdict({ status, output, latencyMs }: Verdict): void {
  assert.ok(['running', 'degraded', 'error'].includes(status), `a status, not ${String(status)}`);
  assert.equal(typeof output, 'string');
  assert.doesNotMatch(output, /[\r\n]/, 'output is one line');
  assert.ok(Number.isFinite(latencyMs) && latencyMs >= 0, `latencyMs is 0 or more, not ${latencyMs}`);
}

/** An aborted check may reject or answer `error`; it may not say that all is well. */
async function assertEndsUnwell(check: () => Promise<Verdict>): Promise<void> {
  let verdict: Verdict;
  try {
    verdict = await check();
  } catch {
    return;
  }
  assert.equal(verdict.status, 'error', 'an aborted check rejects or is an error');
}

/** Sockets, pipes, children and requests under way; timers come and go with the runner. */
function openResources(): number {
  return process.getActiveResourcesInfo().filter((kind) => /TCP|TLS|Pipe|UDP|Process|Req/.test(kind)).length;
}

/** Lets the loop turn until `isReached`, or patience ends. A few turns at least, for what is just closing. */
async function settled(isReached: () => boolean): Promise<void> {
  const end = performance.now() + PATIENCE_MS;
  for (let turns = 0; turns < 20 || (!isReached() && performance.now() < end); turns++) await turn();
}

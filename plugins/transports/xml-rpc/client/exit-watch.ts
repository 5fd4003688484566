/** What is to be done before the process ends. */
export interface ExitTask {
  /** Does it, and ends within a second or so. Never rejects. */
  leave(): Promise<void>;
  /** Does what can be done at once: nothing is waited for any more. */
  leaveAtOnce(): void;
}

const SIGNALS: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGINT'];

/** Signals and the end of the process are the process's, so what is to be done at them is one list for all clients. */
const tasks = new Set<ExitTask>();

/**
 * Has a task done when the process ends: by itself, by `process.exit`, by an exception that nobody catches, or by SIGTERM or
 * SIGINT. Answers a function that takes it back. Only SIGKILL, and the machine's end, leave it undone.
 *
 * A program's signals stay its own. Where it listens to one, its listener alone decides, and nothing is done here until the
 * process ends. Where nobody listens, the tasks are done, at most a second, and the process ends by the same signal as
 * it would have without us; a second signal ends it at once.
 */
export function watchExit(task: ExitTask): () => void {
  if (tasks.size === 0) install();
  tasks.add(task);
  return () => {
    if (tasks.delete(task) && tasks.size === 0) uninstall();
  };
}

function install(): void {
  process.on('beforeExit', leaveAll);
  process.on('exit', leaveAllAtOnce);
  for (const signal of SIGNALS) listenFirst(signal);
}

function uninstall(): void {
  process.off('beforeExit', leaveAll);
  process.off('exit', leaveAllAtOnce);
  for (const signal of SIGNALS) process.off(signal, onSignal);
}

/**
 * First, and gone while the others are called: some count the listeners, to find out whether they are alone and have to
 * end the process (signal-exit, which many packages use). One that they don't know of would keep it from ending.
 */
function listenFirst(signal: NodeJS.Signals): void {
  process.off(signal, onSignal);
  process.prependListener(signal, onSignal);
}

function onSignal(signal: NodeJS.Signals): void {
  process.off(signal, onSignal);
  const others = process.listenerCount(signal);
  if (others === 0) {
    void leaveAll().finally(() => process.kill(process.pid, signal));
    return;
  }
  // signal-exit, alone, is about to end the process by the same signal: no `exit` will be told.
  if (others === signalExitListeners()) leaveAllAtOnce();
  setImmediate(() => {
    if (tasks.size > 0) listenFirst(signal);
  });
}

async function leaveAll(): Promise<void> {
  await Promise.all([...tasks].map((task) => task.leave()));
}

function leaveAllAtOnce(): void {
  for (const task of tasks) task.leaveAtOnce();
}

/** How many listeners of each signal are signal-exit's, of its versions up to 3 and from 4 on. */
function signalExitListeners(): number {
  const before4 = (process as { __signal_exit_emitter__?: { count?: unknown } }).__signal_exit_emitter__;
  const from4 = (globalThis as { [key: symbol]: { count?: unknown } | undefined })[
    Symbol.for('signal-exit emitter')
  ];
  return [before4?.count, from4?.count].reduce<number>(
    (sum, count) => sum + (typeof count === 'number' ? count : 0),
    0,
  );
}

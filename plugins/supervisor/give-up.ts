import { type Clock, RegistryError, type SpawnedInstance } from '../../core/index.js';

/** How long a spawner may take to give up a start. */
const GIVE_UP_MS = 5_000;

/**
 * Waits for a start, but not for ever: `timeoutMs`, and 5 s from when the signal aborts; then it rejects with
 * SPAWN_FAILED, and what is started after all goes to `tooLate`.
 */
export function orGiveUp(
  starting: Promise<SpawnedInstance>,
  clock: Clock,
  timeoutMs: number,
  signal: AbortSignal,
  tooLate: (handle: SpawnedInstance) => void,
): Promise<SpawnedInstance> {
  return new Promise((resolve, reject) => {
    let isGivenUp = false;
    const giveUp = () => {
      isGivenUp = true;
      reject(new RegistryError('SPAWN_FAILED', `the spawner did not end the start within ${timeoutMs} ms`));
    };
    let timer = clock.setTimer(timeoutMs, giveUp);
    const hasten = () => {
      timer.cancel();
      timer = clock.setTimer(GIVE_UP_MS, giveUp);
    };
    signal.addEventListener('abort', hasten);
    const end = () => {
      timer.cancel();
      signal.removeEventListener('abort', hasten);
    };
    starting.then(
      (handle) => {
        end();
        if (isGivenUp) tooLate(handle);
        else resolve(handle);
      },
      (error) => {
        end();
        reject(error);
      },
    );
  });
}

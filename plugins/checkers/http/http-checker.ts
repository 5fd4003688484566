import { type Checker, type Clock, shown, type Verdict } from '../../../core/index.js';
import { createCheckOptions, type HttpCheck } from './check-options.js';
import { isAmong } from './statuses.js';
import { Trust } from './trust.js';
import { whatFailed } from './what-failed.js';

const TOO_MANY_REQUESTS = 429;

/**
 * A checker of kind `http`: an instance that answers one request with an expected status, and a body in which the pattern is
 * found where there is one, is running. One that asks for fewer requests (429) is `degraded`, as it is a warning in Consul.
 *
 * @param ca PEM text: whose certificates are trusted where a check names none.
 */
export function createHttpChecker(clock: Clock, ca?: string): Checker<ReturnType<typeof createCheckOptions>> {
  const trust = new Trust(ca);
  // With it comes undici, a tenth of a second and 7 MB, which who has no such check need not pay.
  const load = () => import('./request.js');
  let loading: ReturnType<typeof load> | undefined;
  return {
    kind: 'http',
    options: createCheckOptions(),
    mayChange: ({ method, overridesMethod }) => method === 'POST' || overridesMethod,
    check: async ({ target, options: check, signal }) => {
      const begunAt = clock.monotonic();
      const conclude = (status: Verdict['status'], output: string) => ({
        status,
        output,
        latencyMs: clock.monotonic() - begunAt,
      });
      const isExpected = (status: number) => isAmong(check.expected.ranges, status);
      try {
        loading ??= load();
        const { request } = await loading;
        const answer = await request({ check, target, trust, signal, wantsBody: isExpected });
        const line = `${asked(check)}: ${answer.status} ${shown(answer.text, 64)}`.trimEnd();
        if (!isExpected(answer.status)) {
          const status = answer.status === TOO_MANY_REQUESTS ? 'degraded' : 'error';
          return conclude(status, `${line}, expected ${check.expected.shown}`);
        }
        if (check.match?.isFoundIn(answer.body.toString()) === false) {
          return conclude(
            'error',
            `${line}, but nothing matches ${shown(JSON.stringify(check.match.shown), 64)}`,
          );
        }
        return conclude('running', line);
      } catch (error) {
        signal.throwIfAborted();
        return conclude('error', whatFailed(error));
      }
    },
  };
}

/** Without the query, which may hold a secret. */
function asked({ method, path }: HttpCheck): string {
  const at = path.indexOf('?');
  return `${method} ${shown(at < 0 ? path : `${path.slice(0, at)}?…`, 64)}`;
}

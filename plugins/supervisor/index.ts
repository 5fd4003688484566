import { setMaxListeners } from 'node:events';
import { z } from 'zod';
import { definePlugin, type Json, LogBudget } from '../../core/index.js';
import { supervisorOptions } from './options.js';
import { Ports } from './ports.js';
import { processDocument } from './process-document.js';
import { StartBudget } from './start-budget.js';
import { Supervisor } from './supervisor.js';

/** Knows what should run, and starts, restarts, adopts and stops it. */
export default definePlugin({
  name: 'supervisor',
  options: supervisorOptions,
  provides: ['supervisor'],
  setup(api, options) {
    const { startsPerMinute } = options;
    const warnings = new LogBudget(api.clock, 1, (fields, message) => api.logger.warn(fields, message));
    api.onDispose(() => warnings.close());
    const closing = new AbortController();
    const hurry = new AbortController();
    // Every instance listens to these two.
    setMaxListeners(0, closing.signal, hurry.signal);
    let isOpen = false;
    const supervisor = new Supervisor(
      {
        api,
        journal: api.collection('processes', processDocument),
        ports: new Ports(),
        budget: new StartBudget(api.clock, startsPerMinute, () =>
          warnings.once(
            'budget',
            { startsPerMinute },
            `More than ${startsPerMinute} starts in a minute: further ones wait. See what crashes with \`rollcall ps\`, or raise the supervisor's startsPerMinute.`,
          ),
        ),
        logs: api.resolvePath(options.logs),
        closing: closing.signal,
        hurry: hurry.signal,
        isOpen: () => isOpen,
      },
      options,
    );

    api.hooks.start.tapPromise(() => supervisor.start());
    api.hooks.ready.tap(() => {
      isOpen = true;
      supervisor.reconcile();
    });
    api.hooks.unregistered.tap(({ name, instance }) => supervisor.unregistered(name, instance));
    api.hooks.demand.tapPromise(({ name, explain }, { signal }) => supervisor.demand(name, explain, signal));
    api.hooks.stop.tapPromise(async ({ signal }) => {
      closing.abort();
      signal.addEventListener('abort', () => hurry.abort());
      // A boot that failed, say for a port in use, has started nothing: what it adopted waits for the next one.
      if (isOpen && options.onExit === 'stop') await supervisor.shut();
      else await supervisor.leave();
    });
    api.onDispose(async () => {
      if (closing.signal.aborted) return;
      closing.abort();
      await supervisor.leave();
    });

    api.addOperation({
      name: 'ps',
      summary: 'Lists the instances that the supervisor runs, and what state each is in.',
      params: z.strictObject({}),
      verb: 'read',
      run: () => supervisor.ps() as Json,
    });
    api.addOperation({
      name: 'restart',
      summary: 'Stops and starts each instance of a service, one after another, also where it was given up.',
      params: z.strictObject({ name: z.string() }),
      verb: 'spawn',
      run: async ({ name }, { signal }) => (await supervisor.restart(name, signal)) as Json,
    });
  },
});

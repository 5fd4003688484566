import { z } from 'zod';
import { definePlugin, messageOf, RegistryError, type ServiceRecord, serviceName } from '../../core/index.js';
import { intervals, type Plan, planCheck, rowLength, timeouts } from './plan.js';
import { Schedule } from './schedule.js';
import { Watch, type WatchPlan } from './watch.js';

const options = z.strictObject({
  interval: intervals.config.prefault('10s'),
  timeout: timeouts.prefault('2s'),
  failures: rowLength.default(3),
  successes: rowLength.default(1),
  check: z
    .union([z.literal(false), z.looseObject({ kind: z.string() })], {
      error: "expected a check, such as { kind: 'tcp' }, or false",
    })
    .default({ kind: 'tcp' }),
  inFlight: z.int().min(1).max(10_000).default(256),
});

/** After a restart the first checks are spread over this long, or over their interval where that is shorter. */
const RESTART_SPREAD_MS = 10_000;

/** Knows when to probe each instance of this server, and how many verdicts change what it is taken for. */
export default definePlugin({
  name: 'monitor',
  options,
  provides: ['monitor'],
  setup(api, config) {
    const schedule = new Schedule(api.clock, config.inFlight);
    const watches = new Map<number, Watch>();
    let isStarted = false;
    let defaultPlans: readonly Plan[] = [];

    const planFor = ({ checks }: ServiceRecord): WatchPlan => {
      if (checks.length === 0) return { plans: defaultPlans, problems: [] };
      const plans: Plan[] = [];
      const problems: { kind: string; message: string }[] = [];
      for (const spec of checks) {
        try {
          plans.push(planCheck(spec, 'registration', config, api.checkers));
        } catch (error) {
          problems.push({ kind: spec.kind, message: messageOf(error) });
        }
      }
      return { plans, problems };
    };

    const watch = (record: ServiceRecord, firstMs: (intervalMs: number) => number) => {
      const begun = new Watch(api, record, planFor(record));
      watches.set(record.id, begun);
      begun.start(schedule, firstMs);
    };

    const unwatch = (id: number) => {
      watches.get(id)?.end();
      watches.delete(id);
    };

    api.hooks.start.tap(() => {
      // Only now is every plugin set up, and every checker known.
      defaultPlans = config.check === false ? [] : [planDefault()];
      isStarted = true;
      const spread = (intervalMs: number) => api.clock.random() * Math.min(intervalMs, RESTART_SPREAD_MS);
      for (const record of [...api.services.traverse()]) {
        if (record.home === api.services.home) watch(record, spread);
      }
    });

    const planDefault = (): Plan => {
      try {
        return planCheck(config.check, 'config', config, api.checkers);
      } catch (error) {
        const message = `Plugin "${api.name}", option "check": ${messageOf(error)}`;
        throw new RegistryError('PLUGIN_OPTIONS', message, { cause: error });
      }
    };

    api.hooks.changed.tap((changes) => {
      if (!isStarted) return;
      for (const { record, previous } of changes) {
        if (previous !== undefined && previous.id !== record?.id) unwatch(previous.id);
        if (record === undefined || watches.get(record.id)?.follow(record) === true) continue;
        unwatch(record.id);
        if (record.home === api.services.home) watch(record, () => 0);
      }
    });

    api.addOperation({
      name: 'checks',
      summary: 'What the checks of a service last came to, instance by instance.',
      params: z.strictObject({ name: serviceName }),
      verb: 'read',
      run: ({ name }) =>
        [...api.services.instances(name)].flatMap(({ id }) => watches.get(id)?.describe() ?? []),
    });

    const end = () => {
      isStarted = false;
      for (const id of [...watches.keys()]) unwatch(id);
    };
    // Before the checkers are disposed of, which may come first.
    api.hooks.close.tap(end);
    api.onDispose(end);
  },
});

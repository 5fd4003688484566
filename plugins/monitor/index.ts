import { z } from 'zod';
import {
  type CheckReport,
  definePlugin,
  LogBudget,
  messageOf,
  openFilesReserved,
  RegistryError,
  type ServiceRecord,
  serviceName,
  type Timer,
} from '../../core/index.js';
import { monitorOptions } from './options.js';
import { type Plan, type PlanContext, planCheck } from './plan.js';
import { Schedule } from './schedule.js';
import { ServicePlans } from './service-plans.js';
import { type Problem, Watch, type WatchContext, type WatchPlan } from './watch.js';

/** After a restart the first checks are spread over this long, or over their interval where that is shorter. */
const RESTART_SPREAD_MS = 10_000;

/** How many instances are taken under watch at a start before others have their turn. */
const AT_ONCE = 1_000;
/** Lines a minute: of what clients ask for that can't be done, and of instances whose checks come to another result. */
const MOST_WARNINGS = 20;
const MOST_NEWS = 200;

const NO_PROBLEMS: readonly Problem[] = [];

/** Knows when to probe each instance of this server, and how many verdicts change what it is taken for. */
export default definePlugin({
  name: 'monitor',
  options: monitorOptions,
  provides: ['monitor'],
  setup(api, options) {
    const { clock, logger } = api;
    const warnings = new LogBudget(clock, MOST_WARNINGS, (fields, message) => logger.warn(fields, message));
    const news = new LogBudget(clock, MOST_NEWS, (fields, message) => logger.info(fields, message));
    const { rate, perHost } = options;
    const mostOpen = Math.max(Math.floor(openFilesReserved() / 2), 1);
    const limits = { rate, perHost, inFlight: Math.min(options.inFlight, mostOpen) };
    const inFlight =
      limits.inFlight < options.inFlight
        ? `open files of this process (\`ulimit -n\`, which leaves ${limits.inFlight} checks at once)`
        : `monitor's inFlight (${limits.inFlight})`;
    const schedule = new Schedule(clock, limits, ({ waiting, lateMs }) =>
      warnings.once(
        'behind',
        { waiting, lateMs },
        `Checks are behind: ${waiting} wait for their turn, this one for ${Math.round(lateMs / 1_000)} s. Check less often, or raise the ${inFlight}, perHost (${perHost}) or rate (${rate}).`,
      ),
    );
    const context: WatchContext = {
      api,
      schedule,
      flapRule: { returns: options.flaps, windowMs: options.flapWindow },
      warn: (fields, message) => warnings.log(fields, message),
      info: (fields, message) => news.log(fields, message),
    };
    const planContext: PlanContext = {
      options,
      checkers: api.checkers,
      prepareCheck: api.prepareCheck,
      hasAccessControl: () => api.fire.authorize.isTapped,
    };
    const watches = new Map<number, Watch>();
    let servicePlans: ServicePlans | undefined;
    let beginning: Timer | undefined;

    const planFor = ({ name, checks }: ServiceRecord): WatchPlan => {
      if (checks.length === 0) return { plans: servicePlans?.of(name) ?? [], problems: NO_PROBLEMS };
      const plans: Plan[] = [];
      const problems: Problem[] = [];
      for (const spec of checks) {
        try {
          plans.push(planCheck(spec, 'registration', planContext));
        } catch (error) {
          problems.push({ spec, message: messageOf(error) });
        }
      }
      return { plans, problems };
    };

    const watch = (record: ServiceRecord, spreadMs: number) => {
      const begun = new Watch(context, record, planFor(record));
      watches.set(record.id, begun);
      begun.start(spreadMs);
    };

    const unwatch = (id: number) => {
      watches.get(id)?.end();
      watches.delete(id);
    };

    api.hooks.start.tap(() => {
      // Only now is every plugin set up, and every checker known.
      servicePlans = new ServicePlans(options, (spec, option) => {
        try {
          return planCheck(spec, 'config', planContext);
        } catch (error) {
          const message = `Plugin "${api.name}", option "${option}": ${messageOf(error)}`;
          throw new RegistryError('PLUGIN_OPTIONS', message, { cause: error });
        }
      });
      begin(api.services.traverse()[Symbol.iterator]());
    });

    // Nobody waits for it (DESIGN §3, Boot). What is registered meanwhile may be met here too.
    const begin = (left: Iterator<ServiceRecord>) => {
      for (let count = 0; count < AT_ONCE; count++) {
        const { done, value: record } = left.next();
        if (done === true) return;
        const isNew = record.home === api.services.home && !watches.has(record.id);
        if (isNew) watch(record, RESTART_SPREAD_MS);
      }
      beginning = clock.setTimer(0, () => begin(left));
    };

    api.hooks.changed.tap((changes) => {
      if (servicePlans === undefined) return;
      for (const { record, previous } of changes) {
        if (previous !== undefined && previous.id !== record?.id) unwatch(previous.id);
        if (record === undefined || watches.get(record.id)?.follow(record) === true) continue;
        unwatch(record.id);
        if (record.home === api.services.home) watch(record, 0);
      }
    });
    api.hooks.renewed.tap(({ id }) => watches.get(id)?.renew());

    api.addCheckReporter(({ id }) => watches.get(id)?.report() ?? []);
    api.addOperation({
      name: 'checks',
      summary: 'What the checks of a service last came to, instance by instance.',
      params: z.strictObject({ name: serviceName }),
      verb: 'read',
      run: ({ name }) =>
        [...api.services.instances(name)].flatMap(({ id, instance }) =>
          (watches.get(id)?.report() ?? []).map((report) => ({ instance, ...lineOf(report) })),
        ),
    });

    const end = () => {
      servicePlans = undefined;
      beginning?.cancel();
      for (const id of [...watches.keys()]) unwatch(id);
      schedule.close();
      warnings.close();
      news.close();
    };
    // Before the checkers are disposed of, which may come first.
    api.hooks.close.tap(end);
    api.onDispose(end);
  },
});

/** A report as the operation answers it, in one level. */
function lineOf({ kind, verdict, at, failures, problem }: CheckReport) {
  return {
    kind,
    ...verdict,
    ...(at !== undefined && { at }),
    ...(failures !== undefined && { failures }),
    ...(problem !== undefined && { problem }),
  };
}

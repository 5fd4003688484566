import { parseArgs } from 'node:util';
import { type Form, scenarioOf } from './monitor-scenario.js';
import { MonitorSimulation } from './monitor-simulation.js';

/**
 * `npm run test:simulation [-- --from 1 --to 1000 | --seed S] [--form wide|long] [--short]`: the monitor, leases and mass
 * silence, a seed at a time. Without a form each seed is run `wide`, and each tenth `long` too. Ranges may run beside each
 * other. `--story` also tells what happens where nothing breaks, and `--without stalls,churn` leaves that weather out.
 */
const { values } = parseArgs({
  options: {
    from: { type: 'string', default: '1' },
    to: { type: 'string', default: '1000' },
    seed: { type: 'string' },
    form: { type: 'string' },
    short: { type: 'boolean', default: false },
    without: { type: 'string', default: '' },
    story: { type: 'boolean', default: false },
  },
});
const from = Number(values.seed ?? values.from);
const to = Number(values.seed ?? values.to);
const forms: readonly Form[] = ['wide', 'long'];
if (!Number.isSafeInteger(from) || !Number.isSafeInteger(to) || from > to) {
  process.stderr.write('--seed, or --from and --to, are integers, the first not above the second\n');
  process.exit(2);
}
if (values.form !== undefined && !forms.some((form) => form === values.form)) {
  process.stderr.write(`--form is ${forms.join(' or ')}\n`);
  process.exit(2);
}

const began = performance.now();
const all = { seeds: 0, checks: 0, simulatedMs: 0, broken: 0 };
for (let seed = from; seed <= to; seed += 1) {
  for (const form of forms) {
    if (values.form === undefined ? form === 'long' && seed % 10 !== 0 : form !== values.form) continue;
    const begun = process.cpuUsage();
    const simulation = new MonitorSimulation(
      scenarioOf(seed, form, values.short),
      new Set(values.without.split(',')),
    );
    const outcome = await simulation.run();
    all.seeds += 1;
    all.checks += outcome.checks;
    all.simulatedMs += outcome.simulatedMs;
    const { counts } = outcome;
    const said = Object.entries(counts).map(([what, count]) => `${what} ${count}`);
    const { user, system } = process.cpuUsage(begun);
    const tookS = (user + system) / 1_000_000;
    process.stdout.write(
      `${form} ${seed}: ${Math.round(outcome.simulatedMs / 1_000)} s in ${tookS.toFixed(1)} s of one core, ${outcome.checks} checks, ${said.join(', ')}\n`,
    );
    if (values.story || outcome.broken !== undefined)
      process.stdout.write(`  ${outcome.story.join('\n  ')}\n`);
    if (outcome.broken === undefined) continue;
    all.broken += 1;
    process.stdout.write(`seed ${seed} is broken ${outcome.broken}\nreplay: ${simulation.replay}\n`);
  }
}
const tookS = (performance.now() - began) / 1_000;
process.stdout.write(
  `${all.seeds} simulations of ${Math.round(all.simulatedMs / 60_000)} min and ${all.checks} checks in ${tookS.toFixed(0)} s: ${all.broken} broken\n`,
);
process.exitCode = all.broken > 0 ? 1 : 0;

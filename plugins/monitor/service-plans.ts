import type { CheckSpec } from '../../core/index.js';
import type { Checks, MonitorOptions } from './options.js';
import type { Plan } from './plan.js';

/** What the configuration has checked of instances that do not say so themselves, by the name of their service. */
export class ServicePlans {
  readonly #byName = new Map<string, readonly Plan[]>();
  readonly #byPattern: { readonly parts: readonly string[]; readonly plans: readonly Plan[] }[] = [];
  readonly #others: readonly Plan[];

  /** `plan` makes a plan of a check; `option` says for its errors where in the configuration that stands. */
  constructor(
    { check, services }: Pick<MonitorOptions, 'check' | 'services'>,
    plan: (spec: CheckSpec, option: string) => Plan,
  ) {
    const plansOf = (checks: Checks, option: string) => {
      if (checks === false) return [];
      if (!Array.isArray(checks)) return [plan(checks as CheckSpec, option)];
      return checks.map((one, at) => plan(one as CheckSpec, `${option}.${at}`));
    };
    this.#others = plansOf(check, 'check');
    for (const [pattern, checks] of Object.entries(services)) {
      const plans = plansOf(checks, `services.${pattern}`);
      if (pattern.includes('*')) this.#byPattern.push({ parts: pattern.split('*'), plans });
      else this.#byName.set(pattern, plans);
    }
  }

  /** A service that is named has its own, else the first pattern that fits, else what all have. */
  of(service: string): readonly Plan[] {
    return (
      this.#byName.get(service) ??
      this.#byPattern.find(({ parts }) => fits(service, parts))?.plans ??
      this.#others
    );
  }
}

/** Whether a name is made of these parts, with anything between them. */
function fits(name: string, parts: readonly string[]): boolean {
  const [first = '', ...rest] = parts;
  const last = rest.pop() ?? '';
  if (!name.startsWith(first) || !name.endsWith(last) || name.length < first.length + last.length)
    return false;
  let at = first.length;
  const end = name.length - last.length;
  for (const part of rest) {
    const found = name.indexOf(part, at);
    if (found < 0 || found + part.length > end) return false;
    at = found + part.length;
  }
  return true;
}

/** What is wrong with the `dependsOn` of one service. */
export interface DependencyFault {
  readonly service: string;
  readonly message: string;
}

type Services = { readonly [service: string]: { readonly dependsOn: readonly string[] } };

/** Names that are none of the services, and the first cycle, with all that are in it. */
export function dependencyFaults(services: Services): DependencyFault[] {
  const faults: DependencyFault[] = [];
  for (const [service, { dependsOn }] of Object.entries(services)) {
    for (const name of dependsOn) {
      if (Object.hasOwn(services, name)) continue;
      faults.push({ service, message: `expected services of this configuration, not "${name}"` });
    }
  }
  const cycle = faults.length === 0 ? findCycle(services) : undefined;
  const [first] = cycle ?? [];
  if (cycle !== undefined && first !== undefined) {
    faults.push({ service: first, message: `expected no cycle, found ${cycle.join(' -> ')}` });
  }
  return faults;
}

/** The names along a cycle, the first one again at its end. Without recursion: there may be thousands in a row. */
function findCycle(services: Services): string[] | undefined {
  const isDone = new Set<string>();
  for (const start of Object.keys(services)) {
    const path = [{ name: start, left: [...(services[start]?.dependsOn ?? [])] }];
    const onPath = new Set([start]);
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const next = top.left.pop();
      if (next === undefined) {
        isDone.add(top.name);
        onPath.delete(top.name);
        path.pop();
      } else if (onPath.has(next)) {
        const names = path.map(({ name }) => name);
        return [...names.slice(names.indexOf(next)), next];
      } else if (!isDone.has(next)) {
        path.push({ name: next, left: [...(services[next]?.dependsOn ?? [])] });
        onPath.add(next);
      }
    }
  }
  return undefined;
}

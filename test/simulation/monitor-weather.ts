import type { Actor, Host, Process } from './monitor-actor.js';
import type { MonitorSimulation } from './monitor-simulation.js';

/** Something that goes on for a phase of the simulation. */
export interface Weather {
  readonly name: string;
  begin(simulation: MonitorSimulation, phaseMs: number): void;
}

/** Somewhere in the phase. */
function sometime({ chance }: MonitorSimulation, phaseMs: number): number {
  return chance.next() * phaseMs;
}

/** A share of all that is now and then large, and mostly small. */
function anyShare({ chance }: MonitorSimulation): number {
  return chance.is(0.25) ? 0.3 + chance.next() * 0.7 : chance.next() * 0.1;
}

/** Some become this, and most of those are up again after a while. */
function strike(process: Process): Weather['begin'] {
  return (simulation, phaseMs) => {
    const { chance, world } = simulation;
    const struck = simulation.some(anyShare(simulation));
    const atOnce = chance.is(0.5) ? sometime(simulation, phaseMs) : undefined;
    simulation.note(`${struck.length} become ${process}${atOnce === undefined ? '' : ' at once'}`);
    for (const actor of struck) {
      simulation.after(atOnce ?? sometime(simulation, phaseMs), () => world.become(actor, process));
      if (chance.is(0.7))
        simulation.after(phaseMs * (1 + chance.next() * 2), () => comeUp(simulation, actor));
    }
  };
}

function comeUp(simulation: MonitorSimulation, actor: Actor): void {
  simulation.world.become(actor, 'up');
  // A program that is started says so, however its end was taken.
  if (simulation.chance.is(0.5) && actor.isMember) simulation.register(actor);
}

function flap(simulation: MonitorSimulation, phaseMs: number): void {
  const { chance, world, scenario } = simulation;
  const struck = simulation.some(chance.next() * 0.05);
  simulation.note(`${struck.length} flap`);
  for (const actor of struck) {
    const periodMs = scenario.defaults.intervalMs * (0.1 + chance.next() * 4);
    for (let at = sometime(simulation, periodMs); at < phaseMs; at += periodMs) {
      simulation.after(at, () => world.become(actor, chance.pick(['gone', 'paused'])));
      simulation.after(at + periodMs * (0.2 + chance.next() * 0.6), () => world.become(actor, 'up'));
    }
    simulation.after(phaseMs, () => world.become(actor, 'up'));
  }
}

/** The registry and some hosts are cut off from each other, in one direction or both. */
function partition(simulation: MonitorSimulation, phaseMs: number): void {
  const { chance, world } = simulation;
  const share = chance.next() ** 2;
  const cut = world.hosts.filter(() => chance.is(share));
  const way = chance.pick([
    { isDeaf: true, isMute: true },
    { isDeaf: true, isMute: true },
    { isDeaf: true, isMute: false },
    { isDeaf: false, isMute: true },
  ]);
  const begin = sometime(simulation, phaseMs);
  const forMs = chance.is(0.3) ? chance.next() * 5_000 : chance.next() * phaseMs * 3;
  simulation.note(
    `${cut.length} of ${world.hosts.length} hosts are cut off for ${Math.round(forMs)} ms from ${Math.round(begin)} ms on, ${JSON.stringify(way)}`,
  );
  const set = (isCut: boolean) => (host: Host) =>
    world.cut(host, { isDeaf: way.isDeaf && isCut, isMute: way.isMute && isCut });
  simulation.after(begin, () => cut.forEach(set(true)));
  simulation.after(begin + forMs, () => cut.forEach(set(false)));
}

/** Nobody is heard or reached for a while: it is the registry that is cut off. */
export function blackout(simulation: MonitorSimulation, phaseMs: number): void {
  const { chance, world } = simulation;
  const way = chance.pick([{ isDeaf: true, isMute: true }, { isMute: true }, { isDeaf: true }]);
  const begin = (sometime(simulation, phaseMs) * 2) / 3;
  const forMs = phaseMs * (1 + chance.next() * 3);
  simulation.note(
    `all are cut off for ${Math.round(forMs)} ms from ${Math.round(begin)} ms on, ${JSON.stringify(way)}`,
  );
  simulation.after(begin, () => {
    for (const host of world.hosts) world.cut(host, way);
  });
  // Some are really gone when it is over.
  for (const actor of simulation.some(0.005)) simulation.after(begin, () => world.become(actor, 'gone'));
  simulation.after(begin + forMs, () => world.heal());
}

function stalls(simulation: MonitorSimulation, phaseMs: number): void {
  const { chance, scenario } = simulation;
  const count = chance.between(1, 3);
  for (let at = 0; at < count; at += 1) {
    const forMs = chance.is(0.3) ? chance.next() * 2_000 : chance.next() * scenario.defaults.intervalMs * 6;
    simulation.after(sometime(simulation, phaseMs), () => simulation.stall(forMs));
  }
}

function jumps(simulation: MonitorSimulation, phaseMs: number): void {
  const { chance, clock } = simulation;
  for (let at = chance.between(1, 4); at > 0; at -= 1) {
    const byMs = (chance.next() - 0.5) * chance.pick([10_000, 7_200_000, 100 * 86_400_000]);
    simulation.after(sometime(simulation, phaseMs), () => {
      simulation.note(`the wall clock jumps by ${Math.round(byMs)} ms`);
      clock.jump(byMs);
    });
  }
}

function restarts(simulation: MonitorSimulation, phaseMs: number): void {
  simulation.after(sometime(simulation, phaseMs), () => simulation.restart());
}

/** Instances come, go, move, ask for other things, or say again what they said. */
function churn(simulation: MonitorSimulation, phaseMs: number): void {
  const { chance, world } = simulation;
  const share = chance.next() * 0.1;
  const moved = simulation.some(share);
  simulation.note(`${moved.length} come, go, move or ask for something else`);
  for (const actor of moved) simulation.after(sometime(simulation, phaseMs), () => change(simulation, actor));
  for (let at = 0; at < moved.length / 4; at += 1) {
    simulation.after(sometime(simulation, phaseMs), () => {
      const fresh = world.make();
      simulation.register(fresh);
    });
  }
}

function change(simulation: MonitorSimulation, actor: Actor): void {
  const { chance, world } = simulation;
  if (!actor.isMember) return;
  const what = chance.below(6);
  if (what === 0) {
    simulation.unregister(actor);
    simulation.after(chance.next() * 20_000, () => simulation.register(actor));
    return;
  }
  if (what === 5 && chance.is(0.3)) {
    simulation.exit(actor);
    simulation.after(chance.next() * 20_000, () => comeUp(simulation, actor));
    return;
  }
  // What it asks for, and where it is, are true once the registry is told.
  if (!actor.speaks) return;
  if (what === 1) world.move(actor);
  if (what === 2) world.ask(actor);
  if (what === 3) world.lease(actor);
  if (what === 4) actor.ttlMs = undefined;
  simulation.register(actor);
}

/** Some say of themselves that they start, drain, or have stopped, and later that they run. */
function reports(simulation: MonitorSimulation, phaseMs: number): void {
  const { chance, world } = simulation;
  const some = simulation.some(chance.next() * 0.1);
  simulation.note(`${some.length} say how they are`);
  for (const actor of some) {
    simulation.after(sometime(simulation, phaseMs), () => simulation.say(actor, world.anyStatus()));
    // What its checks say is to change nothing of that.
    if (chance.is(0.3)) simulation.after(sometime(simulation, phaseMs), () => world.become(actor, 'ill'));
    if (chance.is(0.7))
      simulation.after(phaseMs * (1 + chance.next()), () => simulation.say(actor, 'running'));
  }
}

/** What may happen. The same may happen several times at once. */
export const WEATHER: readonly Weather[] = [
  { name: 'crashes', begin: strike('gone') },
  { name: 'pauses', begin: strike('paused') },
  { name: 'illness', begin: strike('ill') },
  { name: 'flapping', begin: flap },
  { name: 'partition', begin: partition },
  { name: 'partition', begin: partition },
  { name: 'blackout', begin: blackout },
  { name: 'blackout', begin: blackout },
  { name: 'stalls', begin: stalls },
  { name: 'jumps', begin: jumps },
  { name: 'restarts', begin: restarts },
  { name: 'churn', begin: churn },
  { name: 'reports', begin: reports },
];

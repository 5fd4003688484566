/** One instance, as it was last answered or found. */
export interface Entry {
  /** Undefined where the registration that made it has not been answered. */
  readonly id: number | undefined;
  readonly n: string;
  readonly status: string;
}

/** The instances of a name, by instance name. */
export type Instances = ReadonlyMap<string, Entry>;

/** A write that is on its way: what it makes of the instances of its name, as a whole. */
export type Write = (before: Instances) => Instances;

/** A record as the registry tells it. */
export interface AuditRecord extends Entry {
  readonly id: number;
  readonly name: string;
  readonly instance: string;
  readonly revision: number;
}

export interface Audit {
  readonly cursor: string;
  readonly records: readonly AuditRecord[];
}

const NONE: Instances = new Map();

/** What was answered, and what must therefore be found after a crash. Names have at most one write under way. */
export class CrashLedger {
  readonly #names = new Map<string, Instances>();
  readonly #underWay = new Map<string, Write>();
  /** Which registration each id was given to: name, instance and how many of it went before. */
  readonly #ids = new Map<number, string>();
  /** What was found after the last start, by id. */
  #found = new Map<number, AuditRecord>();
  #revision = 0;
  #epoch: string | undefined;
  /** Everything that is not as it was promised. */
  readonly lost: string[] = [];
  registrations = 0;
  removals = 0;

  instances(name: string): Instances {
    return this.#names.get(name) ?? NONE;
  }

  begin(name: string, write: Write): void {
    this.#underWay.set(name, write);
  }

  /** A write was answered. A registration says its id. */
  answered(name: string, registered?: { readonly instance: string; readonly id: number }): void {
    const write = this.#underWay.get(name) as Write;
    const before = this.instances(name);
    const after = new Map(write(before));
    this.#underWay.delete(name);
    if (registered === undefined) {
      this.removals += after.size < before.size ? 1 : 0;
    } else {
      this.registrations += 1;
      const { instance, id } = registered;
      this.#checkId(name, instance, before.get(instance)?.id, id);
      after.set(instance, { ...(after.get(instance) as Entry), id });
    }
    this.#names.set(name, after);
  }

  /** The registry has told its cursor. In between, nothing was lost. */
  seen(cursor: string): void {
    const [epoch, revision] = parse(cursor);
    if (epoch !== this.#epoch) this.lost.push(`the epoch is ${epoch}, and was ${this.#epoch} a moment ago`);
    if (revision < this.#revision) this.lost.push(`revision ${revision} was told after ${this.#revision}`);
    this.#revision = Math.max(this.#revision, revision);
  }

  /**
   * Holds what was found after a start against what was answered before. `end` says how the registry ended: after a
   * kill the epoch must be new, after a clean end the same, in between either.
   */
  check({ cursor, records }: Audit, end: 'killed' | 'clean' | 'either'): void {
    const found = new Map<string, Map<string, Entry>>();
    for (const { name, instance, id, n, status } of records) {
      const instances = found.get(name) ?? new Map<string, Entry>();
      found.set(name, instances.set(instance, { id, n, status }));
    }
    for (const name of new Set([...this.#names.keys(), ...this.#underWay.keys(), ...found.keys()])) {
      this.#checkName(name, found.get(name) ?? NONE);
    }
    this.#checkRevisions(records);
    this.#checkCursor(cursor, end);
    this.#underWay.clear();
  }

  #checkName(name: string, found: Instances): void {
    const before = this.instances(name);
    const write = this.#underWay.get(name);
    const after = write?.(before);
    if (!isSame(before, found) && (after === undefined || !isSame(after, found))) {
      const possible = [before, ...(after === undefined ? [] : [after])].map(told).join(' or ');
      this.lost.push(`${name} is ${told(found)}, and was ${possible}`);
    }
    for (const [instance, { id }] of found)
      this.#checkId(name, instance, before.get(instance)?.id, id as number);
    if (found.size === 0) this.#names.delete(name);
    else this.#names.set(name, found);
  }

  /** An instance keeps its id for as long as it is registered, and nobody ever had it before. */
  #checkId(name: string, instance: string, before: number | undefined, id: number): void {
    if (before !== undefined && before !== id)
      this.lost.push(`${name}/${instance} has id ${id}, and had ${before}`);
    const owner = this.#ids.get(id);
    if (before === undefined && owner !== undefined) {
      this.lost.push(`${name}/${instance} has id ${id}, which ${owner} had before`);
    }
    this.#ids.set(id, `${name}/${instance}`);
  }

  #checkRevisions(records: readonly AuditRecord[]): void {
    for (const { id, name, instance, n, status, revision } of records) {
      const before = this.#found.get(id);
      if (before === undefined) continue;
      const isChanged = before.n !== n || before.status !== status;
      if (revision < before.revision + (isChanged ? 1 : 0)) {
        this.lost.push(`${name}/${instance} has revision ${revision}, and had ${before.revision}`);
      }
    }
    this.#found = new Map(records.map((record) => [record.id, record]));
  }

  #checkCursor(cursor: string, end: 'killed' | 'clean' | 'either'): void {
    const [epoch, revision] = parse(cursor);
    const before = this.#epoch;
    const least = this.#revision + (epoch === before || before === undefined ? 0 : 1_000_000);
    if (revision < least) this.lost.push(`the revision is ${revision}, and should be at least ${least}`);
    if (epoch === before && end === 'killed') this.lost.push(`the epoch ${epoch} has outlived a kill`);
    if (epoch !== before && end === 'clean') this.lost.push(`a clean end has changed the epoch`);
    this.#epoch = epoch;
    this.#revision = revision;
  }
}

function parse(cursor: string): [epoch: string, revision: number] {
  const at = cursor.lastIndexOf(':');
  return [cursor.slice(0, at), Number(cursor.slice(at + 1))];
}

/** Whether they are the same; an id that was never answered fits any. */
function isSame(a: Instances, b: Instances): boolean {
  if (a.size !== b.size) return false;
  return [...a].every(([instance, { n, status }]) => {
    const other = b.get(instance);
    return other !== undefined && other.n === n && other.status === status;
  });
}

function told(instances: Instances): string {
  return JSON.stringify(Object.fromEntries(instances));
}

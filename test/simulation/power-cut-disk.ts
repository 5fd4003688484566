import { basename } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Disk, DiskFile } from '../../plugins/stores/file/disk.js';
import type { Chance } from '../support/chance.js';
import { Inode } from './power-cut-inode.js';

/** What happened to the names of a folder, and is not on the medium for certain. */
type FolderChange = (names: Map<string, Inode>) => void;

/** How often a step of the disk fails, and how. */
export interface Faults {
  readonly rate: number;
  readonly codes: readonly string[];
  /** Only syncs of files, not all that is asked of the disk. */
  readonly onlySyncs?: boolean;
}

export const NO_FAULTS: Faults = { rate: 0, codes: ['EIO'] };

const ZERO_STEP = 2 ** 16;

/**
 * One folder on a disk that keeps for certain only what was synced, and loses power when it is told to. Of the rest
 * anything may survive: each sector of a file old or new, each name made, renamed or removed or not. That is more than
 * a journalling file system would do to anyone.
 */
export class PowerCutDisk {
  readonly #chance: Chance;
  #names = new Map<string, Inode>();
  #kept = new Map<string, Inode>();
  #changes: FolderChange[] = [];
  #session: Session | undefined;

  constructor(chance: Chance) {
    this.#chance = chance;
  }

  /** The disk as one process sees it, until `ticks` of its turns are over, when the power goes. */
  begin(ticks: number, faults = NO_FAULTS): Session {
    this.#session?.end();
    this.#session = new Session(this, this.#chance, ticks, faults);
    return this.#session;
  }

  /** Ends the process. What it wrote stays readable, synced or not. */
  kill(): void {
    this.#session?.end();
  }

  /** Ends everything, and leaves what a power cut may leave. */
  cut(): void {
    this.#session?.end();
    const isOrdered = this.#chance.is(0.5);
    const end = this.#chance.below(this.#changes.length + 1);
    // Journalling file systems keep the changes of a folder up to some point; others any of them.
    const survived = this.#changes.filter((_, at) => (isOrdered ? at < end : this.#chance.is(0.5)));
    for (const change of survived) change(this.#kept);
    this.#changes = [];
    const inodes = new Map<Inode, Inode>();
    for (const [name, inode] of this.#kept) {
      const left = inodes.get(inode) ?? inode.survivor(this.#chance);
      inodes.set(inode, left);
      this.#kept.set(name, left);
    }
    this.#names = new Map(this.#kept);
  }

  get names(): readonly string[] {
    return [...this.#names.keys()];
  }

  find(name: string): Inode | undefined {
    return this.#names.get(name);
  }

  change(change: FolderChange): void {
    change(this.#names);
    this.#changes.push(change);
  }

  /** Begins a sync of the folder; what is answered ends it. */
  beginSync(): () => void {
    const begun = this.#changes.length;
    return () => {
      for (const change of this.#changes.splice(0, begun)) change(this.#kept);
    };
  }
}

/** What one process sees of the disk. Once that has ended, nothing it asked for is done or answered. */
export class Session implements Disk {
  readonly #disk: PowerCutDisk;
  readonly #chance: Chance;
  readonly #faults: Faults;
  #ticks: number;
  #isOver = false;
  #notify = () => {};
  /** Resolves when the process has ended, by a power cut or otherwise. */
  readonly over = new Promise<'over'>((resolve) => {
    this.#notify = () => resolve('over');
  });

  constructor(disk: PowerCutDisk, chance: Chance, ticks: number, faults: Faults) {
    this.#disk = disk;
    this.#chance = chance;
    this.#ticks = ticks;
    this.#faults = faults;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  end(): void {
    this.#isOver = true;
    this.#notify();
  }

  async makeFolder(): Promise<void> {
    await this.#step();
  }

  async list(): Promise<string[]> {
    await this.#step();
    return [...this.#disk.names];
  }

  async open(path: string, mode: 'read' | 'write' | 'create'): Promise<DiskFile> {
    const name = basename(path);
    await this.#step();
    this.#fault();
    let inode = this.#disk.find(name);
    if (inode === undefined && mode !== 'create') throw diskError('ENOENT', name);
    if (inode === undefined) {
      const made = new Inode();
      this.#disk.change((names) => names.set(name, made));
      inode = made;
    } else if (mode === 'create') inode.truncate(0);
    return this.#file(inode);
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#step();
    this.#fault();
    const [former, name] = [basename(from), basename(to)];
    const inode = this.#disk.find(former);
    if (inode === undefined) throw diskError('ENOENT', former);
    this.#disk.change((names) => {
      if (names.get(former) === inode) names.delete(former);
      names.set(name, inode);
    });
    await this.#step();
  }

  async remove(path: string): Promise<void> {
    await this.#step();
    this.#fault();
    this.#disk.change((names) => names.delete(basename(path)));
    await this.#step();
  }

  async syncFolder(): Promise<void> {
    await this.#step();
    const done = this.#disk.beginSync();
    await this.#step();
    this.#fault();
    done();
  }

  #file(inode: Inode): DiskFile & { zero(from: number, to: number): Promise<void> } {
    return {
      size: async () => {
        await this.#step();
        return inode.size;
      },
      read: async (into, position) => {
        await this.#step();
        return inode.read(into, position);
      },
      writeSync: (bytes, position) => {
        if (this.#isOver) throw diskError('EIO', 'no power');
        const isWhole = !this.#tick() && !this.#isFaulty();
        const part = isWhole ? bytes.length : this.#chance.below(bytes.length);
        if (part > 0) inode.write(bytes.subarray(0, part), position);
        if (!isWhole) throw diskError(this.#chance.pick(this.#faults.codes), 'write');
      },
      zero: async (from, to) => {
        for (let at = from; at < to; at += ZERO_STEP) {
          await this.#step();
          this.#fault();
          inode.zero(at, Math.min(to, at + ZERO_STEP));
        }
      },
      datasync: async () => {
        await this.#step();
        const sync = inode.beginSync();
        await this.#step();
        if (this.#isUnlucky()) {
          sync.fail(this.#chance);
          throw diskError('EIO', 'datasync');
        }
        sync.done();
        await this.#step();
      },
      truncate: async (length) => {
        await this.#step();
        this.#fault();
        inode.truncate(length);
        await this.#step();
      },
      close: async () => {
        await this.#step();
      },
    };
  }

  /** Counts down to the power cut; answers whether that has come. */
  #tick(): boolean {
    this.#ticks -= 1;
    if (this.#ticks <= 0) this.end();
    return this.#isOver;
  }

  /** Some turns of the event loop; never goes on where the process has ended. */
  async #step(): Promise<void> {
    for (let turns = this.#chance.below(4); turns >= 0 && !this.#tick(); turns -= 1) await nextTurn();
    if (this.#isOver) await new Promise<never>(() => {});
  }

  #isFaulty(): boolean {
    return this.#faults.onlySyncs !== true && this.#isUnlucky();
  }

  #isUnlucky(): boolean {
    return this.#faults.rate > 0 && this.#chance.is(this.#faults.rate);
  }

  #fault(): void {
    if (this.#isFaulty()) throw diskError(this.#chance.pick(this.#faults.codes), 'the test says so');
  }
}

function diskError(code: string, what: string): Error {
  return Object.assign(new Error(`${code}: ${what}`), { code });
}

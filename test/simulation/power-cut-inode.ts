import type { Chance } from '../support/chance.js';

export const SECTOR = 512;
const ZEROS = Buffer.alloc(SECTOR);

/**
 * What one file holds: as programs read it, and as the medium may hold it. What was written and not yet synced is on
 * the medium sector by sector, in any of the versions it has had since. So is the size.
 */
export class Inode {
  size = 0;
  /** As programs read it; a sector that is not here holds zeros. */
  readonly #cached = new Map<number, Buffer>();
  readonly #kept = new Map<number, Buffer>();
  #keptSize = 0;
  /** Every version of a sector, and every size, since the last sync, oldest first. */
  readonly #dirty = new Map<number, Buffer[]>();
  #sizes: number[] = [];

  read(into: Buffer, position: number): number {
    const length = Math.max(0, Math.min(into.length, this.size - position));
    for (let at = 0; at < length; ) {
      const within = (position + at) % SECTOR;
      const part = Math.min(SECTOR - within, length - at);
      this.#sector(Math.floor((position + at) / SECTOR)).copy(into, at, within, within + part);
      at += part;
    }
    return length;
  }

  write(bytes: Buffer, position: number): void {
    for (let at = 0; at < bytes.length; ) {
      const within = (position + at) % SECTOR;
      const part = Math.min(SECTOR - within, bytes.length - at);
      const number = Math.floor((position + at) / SECTOR);
      const version = Buffer.from(this.#sector(number));
      bytes.copy(version, within, at, at + part);
      this.#put(number, version);
      at += part;
    }
    this.#resize(Math.max(this.size, position + bytes.length));
  }

  /** As `write` of zeros, at the cost of the sectors that hold something else. */
  zero(from: number, to: number): void {
    for (const number of this.#touched()) {
      const begin = number * SECTOR;
      if (begin + SECTOR <= from || begin >= to) continue;
      const version = Buffer.from(this.#sector(number));
      version.fill(0, Math.max(0, from - begin), Math.min(SECTOR, to - begin));
      this.#put(number, version);
    }
    this.#resize(Math.max(this.size, to));
  }

  truncate(length: number): void {
    if (length < this.size) this.zero(length, this.size);
    this.#resize(length);
  }

  /** Begins a sync; what is answered ends it. What was written in between is not covered. */
  beginSync(): { done(): void; fail(chance: Chance): void } {
    const counts = new Map([...this.#dirty].map(([number, versions]) => [number, versions.length]));
    const sizes = this.#sizes.length;
    const settle = (choose: <T>(present: T, versions: readonly T[]) => T) => {
      for (const [number, count] of counts) {
        const versions = this.#dirty.get(number) ?? [];
        this.#kept.set(number, choose(this.#kept.get(number) ?? ZEROS, versions.splice(0, count)));
        if (versions.length === 0) this.#dirty.delete(number);
      }
      this.#keptSize = choose(this.#keptSize, this.#sizes.splice(0, sizes));
    };
    return {
      done: () => settle((present, versions) => versions.at(-1) ?? present),
      // As Linux does it: all pages count as written from now on, whichever of them were.
      fail: (chance) => settle((present, versions) => chance.pick([present, ...versions])),
    };
  }

  /** What a power cut leaves. */
  survivor(chance: Chance): Inode {
    const left = new Inode();
    left.size = chance.pick([this.#keptSize, ...this.#sizes]);
    left.#keptSize = left.size;
    for (const number of new Set([...this.#kept.keys(), ...this.#dirty.keys()])) {
      if (number * SECTOR >= left.size) continue;
      const found = chance.pick([this.#kept.get(number) ?? ZEROS, ...(this.#dirty.get(number) ?? [])]);
      const sector = Buffer.from(found).fill(0, Math.min(SECTOR, left.size - number * SECTOR));
      left.#kept.set(number, sector);
      left.#cached.set(number, sector);
    }
    return left;
  }

  #sector(number: number): Buffer {
    return this.#cached.get(number) ?? ZEROS;
  }

  /** Sectors that are, or on the medium may be, anything but zeros. */
  #touched(): Set<number> {
    return new Set([...this.#cached.keys(), ...this.#kept.keys(), ...this.#dirty.keys()]);
  }

  #put(number: number, version: Buffer): void {
    this.#cached.set(number, version);
    const versions = this.#dirty.get(number);
    if (versions === undefined) this.#dirty.set(number, [version]);
    else versions.push(version);
  }

  #resize(size: number): void {
    this.size = size;
    if ((this.#sizes.at(-1) ?? this.#keptSize) !== size) this.#sizes.push(size);
  }
}

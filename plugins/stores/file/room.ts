import type { DiskFile } from './disk.js';

/** Zeros ahead of a journal's end: as many as the journal has bytes, within these bounds. */
const LEAST_ROOM = 2 ** 16;
const MOST_ROOM = 2 ** 22;

/**
 * Zeros that lie ahead of the end of a journal. A sync of bytes written over them is cheaper than one of bytes that make
 * the file grow, since the file system has nothing of its own to write: two thirds of the time (docs/benchmarks.md). They are written in the background, beyond where anything is being written.
 */
export class Room {
  readonly #file: DiskFile;
  /** Up to here the file is zeroed, or written. */
  #end: number;
  /** Zeros that are being written behind that; never rejects. */
  #coming: Promise<void> | undefined;
  /** After a disk that had no room, none is asked for before the journal ends here. */
  #from = 0;
  #hasFailed = false;

  constructor(file: DiskFile, end: number) {
    this.#file = file;
    this.#end = end;
  }

  /** Whether `ready` must be awaited before anything is written up to `end`. */
  isAwaited(end: number): boolean {
    return this.#hasFailed || (this.#coming !== undefined && end > this.#end);
  }

  /** Waits for zeros that would else be written over what is about to be; gives back room that is only half there. */
  async ready(end: number): Promise<void> {
    await this.settled();
    if (this.#hasFailed) await this.cut(end);
  }

  /** Makes room where little is left behind `end`, where the journal ends now. */
  extend(end: number): void {
    if (this.#end < end) this.#end = end;
    const wanted = Math.min(MOST_ROOM, Math.max(LEAST_ROOM, end));
    if (this.#coming !== undefined || this.#end - end > wanted / 2 || end < this.#from) return;
    const from = this.#end;
    const to = end + wanted;
    this.#coming = this.#file.zero(from, to).then(
      () => {
        this.#end = to;
        this.#coming = undefined;
      },
      () => {
        // No harm: the journal grows as it is written. Room on a full disk is better left to others.
        this.#hasFailed = true;
        this.#from = end + MOST_ROOM;
        this.#coming = undefined;
      },
    );
  }

  /** Resolves when nothing is being zeroed. */
  async settled(): Promise<void> {
    await this.#coming;
  }

  /** Ends the file at `end`. */
  async cut(end: number): Promise<void> {
    await this.settled();
    await this.#file.truncate(end);
    this.#end = end;
    this.#hasFailed = false;
  }
}

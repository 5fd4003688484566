import type { Socket } from 'node:net';
import type { Clock, Timer } from './clock.js';
import type { DoorLimits } from './http-door.js';

/** Bytes of an answer that its peer has to take within each `requestTimeoutMs`, or the rest if that is less. */
const PROGRESS_BYTES = 64 * 1024;

/** A part of an answer: bytes that others may be sent too, or how many bytes of its own. */
export type Piece = Buffer | number;

interface Entry {
  /** Written, the oldest first. */
  readonly written: Piece[];
  writtenBytes: number;
  /** Of which it is told when they are sent: an answer before them may still be awaited. */
  readonly held: Piece[];
  /** The peer is in time if it has taken so many bytes, since it connected, when so many ticks are over. */
  dueBytes: number;
  dueTick: number;
}

/**
 * Answers that their peers have not taken yet, over all connections of an address. Ordinary ones never come here: the system
 * takes them as they are written. A peer that makes no progress is cut off, and beyond `unsentBytes` the one that has made
 * none for longest, of those that keep more than an equal share. Only to refuse new requests would let a few slow peers close
 * the door to all others.
 */
export class UnsentAnswers {
  readonly #clock: Clock;
  readonly #mostBytes: number;
  readonly #tickMs: number;
  readonly #ticksAllowed: number;
  readonly #onFull: () => void;
  /** Those that made progress last come last. */
  readonly #entries = new Map<Socket, Entry>();
  /** How many answers each buffer is part of: one that all are sent is in memory once. */
  readonly #users = new Map<Buffer, number>();
  #bytes = 0;
  /** Of peers that are cut off: the system lets go of it later in this turn of the event loop. */
  #closingBytes = 0;
  #tick = 0;
  #timer: Timer | undefined;

  /** `tickMs`: how late a timeout may be noticed, twice. `onFull` is told when a peer is cut off for the room it takes. */
  constructor(clock: Clock, limits: DoorLimits, tickMs: number, onFull: () => void) {
    this.#clock = clock;
    this.#mostBytes = limits.unsentBytes;
    this.#tickMs = tickMs;
    // The tick in which something happened had begun before it.
    this.#ticksAllowed = Math.ceil(limits.requestTimeoutMs / tickMs) + 1;
    this.#onFull = onFull;
  }

  /**
   * Nothing more is to be worked on in this turn of the event loop: what is read at once may be thousands of requests, and
   * their answers must not grow beyond the bound before any of them can be let go of.
   */
  get isFull(): boolean {
    return this.#closingBytes > this.#mostBytes / 4;
  }

  /** Counts what is not sent yet, until {@link release}. */
  hold(socket: Socket, piece: Piece): void {
    if (socket.destroyed) return;
    this.#entry(socket).held.push(piece);
    this.#add(piece);
    this.#bound();
  }

  /** Does nothing where it is not held, or was lost with its connection. */
  release(socket: Socket, piece: Piece): void {
    const entry = this.#entries.get(socket);
    const at = entry?.held.indexOf(piece) ?? -1;
    if (entry === undefined || at < 0) return;
    entry.held.splice(at, 1);
    this.#remove(piece);
    if (isEmpty(entry)) this.forget(socket);
  }

  /** Counts what was written just now, as far as the system has not taken it, until {@link settle} finds that it has. */
  wrote(socket: Socket, pieces: readonly Piece[]): void {
    if (socket.destroyed) return;
    const entry = this.#entry(socket);
    for (const piece of pieces) {
      entry.written.push(piece);
      entry.writtenBytes += sizeOf(piece);
      this.#add(piece);
    }
    this.settle(socket);
    this.#bound();
  }

  /** Lets go of what was sent meanwhile. */
  settle(socket: Socket): void {
    const entry = this.#entries.get(socket);
    if (entry === undefined) return;
    // What is left is the end of what was written.
    let sent = 0;
    for (const piece of entry.written) {
      if (entry.writtenBytes - sizeOf(piece) < socket.writableLength) break;
      entry.writtenBytes -= sizeOf(piece);
      this.#remove(piece);
      sent += 1;
    }
    entry.written.splice(0, sent);
    if (isEmpty(entry)) this.forget(socket);
  }

  /** The connection is closed. */
  forget(socket: Socket): void {
    const entry = this.#entries.get(socket);
    if (entry === undefined) return;
    for (const piece of entry.written) this.#remove(piece);
    for (const piece of entry.held) this.#remove(piece);
    this.#entries.delete(socket);
    if (this.#entries.size > 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #entry(socket: Socket): Entry {
    let entry = this.#entries.get(socket);
    if (entry === undefined) {
      entry = { written: [], writtenBytes: 0, held: [], dueBytes: 0, dueTick: 0 };
      this.#renew(socket, entry);
      this.#timer ??= this.#clock.setTimer(this.#tickMs, this.#onTick);
    }
    return entry;
  }

  /** From now on it has all its time. */
  #renew(socket: Socket, entry: Entry): void {
    entry.dueBytes = takenBytes(socket) + Math.min(PROGRESS_BYTES, socket.writableLength);
    entry.dueTick = this.#tick + this.#ticksAllowed;
    this.#entries.delete(socket);
    this.#entries.set(socket, entry);
  }

  #add(piece: Piece): void {
    if (typeof piece === 'number') {
      this.#bytes += piece;
      return;
    }
    const users = this.#users.get(piece) ?? 0;
    this.#users.set(piece, users + 1);
    if (users === 0) this.#bytes += piece.length;
  }

  #remove(piece: Piece): void {
    if (typeof piece === 'number') {
      this.#bytes -= piece;
      return;
    }
    const users = this.#users.get(piece) ?? 0;
    if (users > 1) {
      this.#users.set(piece, users - 1);
    } else {
      this.#users.delete(piece);
      this.#bytes -= piece.length;
    }
  }

  /** Cuts off as many as it takes. */
  #bound(): void {
    if (this.#bytes <= this.#mostBytes) return;
    for (const socket of [...this.#entries.keys()]) this.settle(socket);
    while (this.#bytes > this.#mostBytes) {
      const slowest = this.#slowest();
      if (slowest === undefined) return;
      this.#cutOff(slowest);
      this.#onFull();
    }
  }

  /** Who keeps less than an equal share is not the reason. One whose share is all shared frees little. */
  #slowest(): Socket | undefined {
    const share = this.#bytes / this.#entries.size;
    for (const [socket, entry] of this.#entries) if (this.#weight(entry) >= share) return socket;
    // Where all keep the same, the division may be a hair above it.
    return this.#entries.keys().next().value;
  }

  #weight({ written, held }: Entry): number {
    const own = (piece: Piece) =>
      typeof piece === 'number' ? piece : piece.length / (this.#users.get(piece) ?? 1);
    let weight = 0;
    for (const piece of written) weight += own(piece);
    for (const piece of held) weight += own(piece);
    return weight;
  }

  #cutOff(socket: Socket): void {
    const before = this.#bytes;
    this.forget(socket);
    const freed = before - this.#bytes;
    this.#closingBytes += freed;
    socket.once('close', () => {
      this.#closingBytes -= freed;
    });
    socket.destroy();
  }

  readonly #onTick = (): void => {
    this.#timer = undefined;
    this.#tick += 1;
    for (const [socket, entry] of [...this.#entries]) this.#look(socket, entry);
    if (this.#entries.size > 0) this.#timer = this.#clock.setTimer(this.#tickMs, this.#onTick);
  };

  #look(socket: Socket, entry: Entry): void {
    this.settle(socket);
    if (!this.#entries.has(socket)) return;
    // Where nothing is for the peer to take, it is the door that is awaited.
    const isInTime = socket.writableLength === 0 || takenBytes(socket) >= entry.dueBytes;
    if (isInTime) this.#renew(socket, entry);
    else if (this.#tick >= entry.dueTick) this.#cutOff(socket);
  }
}

function isEmpty({ written, held }: Entry): boolean {
  return written.length === 0 && held.length === 0;
}

function sizeOf(piece: Piece): number {
  return typeof piece === 'number' ? piece : piece.length;
}

interface Handle {
  readonly bytesWritten?: number;
  readonly writeQueueSize?: number;
  /** Of TLS: the connection beneath. */
  readonly _parent?: Handle;
}

/**
 * Bytes that the system has taken for the peer. A socket itself tells only when a whole write is over, which may be 16 MB;
 * its handle, which has no documentation, tells more. Where a version of Node does not have it, the socket's word holds.
 */
function takenBytes(socket: Socket): number {
  const handle = (socket as Socket & { _handle?: Handle | null })._handle;
  const { bytesWritten, writeQueueSize } = handle?._parent ?? handle ?? {};
  if (bytesWritten !== undefined && writeQueueSize !== undefined) return bytesWritten - writeQueueSize;
  return socket.bytesWritten - socket.writableLength;
}

/** Ids in one part: small enough that taking one out moves little, large enough that a million make few parts. */
const PART = 1_024;

/**
 * The ids of all instances in order, for reads that go through them page by page. Ids rise, so a new one is nearly always
 * put at the end; an ordered index would cost a registration a sixth more, and 25 bytes where this takes 10.
 */
export class SortedIds {
  /** In order, each in order, none empty. */
  readonly #parts: number[][] = [];

  add(id: number): void {
    const last = this.#parts.at(-1);
    if (last === undefined || (id > (last.at(-1) as number) && last.length >= PART)) {
      this.#parts.push([id]);
    } else if (id > (last.at(-1) as number)) {
      last.push(id);
    } else {
      this.#insert(id);
    }
  }

  remove(id: number): void {
    const index = this.#partOf(id);
    const part = this.#parts[index];
    if (part === undefined) return;
    const at = above(part, id) - 1;
    if (part[at] !== id) return;
    part.splice(at, 1);
    if (part.length === 0) this.#parts.splice(index, 1);
  }

  /** The first ids above this one, at most so many. */
  after(id: number, count: number): number[] {
    const found: number[] = [];
    let index = Math.max(0, this.#partOf(id));
    let at = above(this.#parts[index] ?? [], id);
    for (
      let part = this.#parts[index];
      part !== undefined && found.length < count;
      part = this.#parts[++index]
    ) {
      for (; at < part.length && found.length < count; at++) found.push(part[at] as number);
      at = 0;
    }
    return found;
  }

  #insert(id: number): void {
    const index = Math.max(0, this.#partOf(id));
    const part = this.#parts[index] as number[];
    const at = above(part, id);
    if (part[at - 1] === id) return;
    part.splice(at, 0, id);
    if (part.length > 2 * PART) this.#parts.splice(index + 1, 0, part.splice(PART));
  }

  /** The last part that begins at this id or below; -1 where none does. */
  #partOf(id: number): number {
    let low = 0;
    let high = this.#parts.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#parts[middle]?.[0] as number) <= id) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}

/** Where in an ordered list those above `id` begin. */
function above(ids: readonly number[], id: number): number {
  let low = 0;
  let high = ids.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ids[middle] as number) <= id) low = middle + 1;
    else high = middle;
  }
  return low;
}

import type { Catalogue, Draft } from '../catalogue.js';
import { isSilent, type ServiceRecord } from './record.js';

/** Where it is kept, by home. No plugin's collection can have this name. */
const SILENCE = '_silence';

/**
 * Keeps in the store that there is a mass silence: who restarts a registry that says so, which is the first thing one
 * does, must not make it give up those that it still answered.
 */
export class KeptSilence {
  readonly #catalogue: Pick<Catalogue, 'state' | 'valueOf'>;
  readonly #speak: (say: () => readonly Draft[]) => void;

  /** `speak` stores what is volatile. */
  constructor(catalogue: Pick<Catalogue, 'state' | 'valueOf'>, speak: (say: () => readonly Draft[]) => void) {
    this.#catalogue = catalogue;
    this.#speak = speak;
  }

  /** The revision by which the first fell silent in the mass silence that is kept; undefined where none is. */
  get since(): number | undefined {
    const since = this.#catalogue.valueOf(SILENCE, this.#catalogue.state.home)?.since;
    return typeof since === 'number' ? since : undefined;
  }

  keep(since: number | undefined): void {
    const { home } = this.#catalogue.state;
    const value = since === undefined ? null : Object.freeze({ since });
    this.#speak(() => (this.since === since ? [] : [{ collection: SILENCE, key: home, value }]));
  }
}

/** Whether it is silent, and fell so by the commit of this revision or a later one. */
export function isSilentSince(record: ServiceRecord, revision: number): boolean {
  const { check, lease } = record.voices ?? {};
  return (
    isSilent(record) &&
    [check, lease].every((voice) => voice?.status !== 'error' || voice.revision >= revision)
  );
}

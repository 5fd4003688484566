import { type Change, type CommitOutcome, messageOf } from '../../../core/index.js';

/** The answers of a file store that are no success. */

/** Certainly not stored. */
export type Refused = Extract<CommitOutcome, { readonly kind: 'refused' }>;

const FULL = new Set<unknown>(['ENOSPC', 'EDQUOT', 'EFBIG']);

export const notOpen = {
  kind: 'refused',
  code: 'STOPPING',
  message: 'The file store is not open.',
} as const satisfies CommitOutcome;

export function conflict({ collection, key }: Change): CommitOutcome {
  return { kind: 'refused', code: 'CONFLICT', message: `${collection}/${key} has changed.` };
}

export function limitReached(message: string): CommitOutcome {
  return { kind: 'refused', code: 'LIMIT_REACHED', message };
}

/** The disk did not take it: nothing was stored. */
export function notWritten(cause: unknown): Refused {
  return FULL.has((cause as NodeJS.ErrnoException | null)?.code)
    ? {
        kind: 'refused',
        code: 'STORE_FULL',
        message: `The disk of the data folder is full: ${messageOf(cause)}.`,
      }
    : storeFailed(`The journal can't be written: ${messageOf(cause)}.`);
}

export function storeFailed(message: string): Refused {
  return { kind: 'refused', code: 'STORE_FAILED', message };
}

export function unknown(message: string): CommitOutcome {
  return { kind: 'unknown', message };
}

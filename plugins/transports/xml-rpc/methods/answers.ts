import { RegistryError } from '../../../../core/index.js';
import type { WriterLimits } from '../writer.js';

/** The error for an answer beyond the door's bound: what to ask for instead. */
export function answerTooLarge(maxAnswer: number): RegistryError {
  return new RegistryError(
    'ANSWER_TOO_LARGE',
    `The answer is longer than ${maxAnswer} characters, the maxAnswer of this door. Ask in pages: use find with a limit, ` +
      'and give the id of its last instance as after for the next page.',
  );
}

/** The bound on one answer. */
export function answerLimits(maxAnswer: number): Required<WriterLimits> {
  return { length: maxAnswer, tooLong: () => answerTooLarge(maxAnswer) };
}

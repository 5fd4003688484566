import { InvalidArgumentError } from 'commander';
import { STATUS_CODES, type Status } from '../servicedb/record.js';

/** A status by its name. */
export function parseStatus(value: string): Status {
  if (Object.hasOwn(STATUS_CODES, value)) return value as Status;
  throw new InvalidArgumentError(`Expected one of ${Object.keys(STATUS_CODES).join(', ')}.`);
}

/** The id of an instance. */
export function parseId(value: string): number {
  if (/^\d{1,10}$/.test(value)) return Number(value);
  throw new InvalidArgumentError('Expected an integer.');
}

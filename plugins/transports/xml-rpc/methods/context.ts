import type { CheckReporter, Clock, ServiceDB } from '../../../../core/index.js';
import type { Turns } from '../turns.js';

/** What the methods are made of. */
export interface Context {
  readonly services: ServiceDB;
  readonly clock: Clock;
  /** How the checks of an instance fare. */
  readonly checkReports: CheckReporter;
  /** Where reads that may be long take turns. */
  readonly turns: Turns;
  /** The longest answer, in characters. */
  readonly maxAnswer: number;
  /** Characters of answers that multicalls hold while they go on. */
  readonly held: { length: number };
}

import { z } from 'zod';
import { parseArgument, serviceName } from '../../../../core/index.js';
import { FAULT_CODES, XmlRpcFault } from '../faults.js';
import type { Context } from '../methods/context.js';
import type { Runs } from '../methods/types.js';
import { ChangeHub } from './change-hub.js';

const LONGEST_WAIT_S = 300;

const scopeSchema = z.object({ name: serviceName });

/** What runs `wait_for_change`. */
export function createWaitForChangeRun(
  context: Pick<Context, 'services' | 'clock' | 'maxAnswer'>,
): Runs<'wait_for_change'> {
  const hub = new ChangeHub(context);
  return {
    wait_for_change([cursor, timeout, name], caller) {
      if (timeout < 0 || timeout > LONGEST_WAIT_S) {
        throw new XmlRpcFault(
          FAULT_CODES.INVALID_PARAMS,
          `wait_for_change: timeout_s must be from 0 to ${LONGEST_WAIT_S}, not ${timeout}`,
        );
      }
      if (name !== undefined) parseArgument(scopeSchema, { name });
      return hub.wait(cursor, timeout * 1_000, name, (tell) => caller.onGone(tell));
    },
  };
}

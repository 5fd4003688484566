import { z } from 'zod';
import {
  parseArgument,
  RegistryError,
  type ServiceRecord,
  STATUS_CODES,
  serviceName,
} from '../../../../core/index.js';
import { FAULT_CODES, XmlRpcFault } from '../faults.js';
import { EncodedValue } from '../values.js';
import { answerLimits } from './answers.js';
import { whose } from './arguments.js';
import type { Context } from './context.js';
import { find } from './find.js';
import { describedInstance } from './instance-struct.js';
import { instanceXml } from './instance-xml.js';
import { DEFAULT_WAIT_S, LONGEST_WAIT_S } from './limits.js';
import { listServices } from './long-reads.js';
import { createLookup } from './lookup.js';
import { checkQuery } from './query.js';
import type { OWN } from './table.js';
import type { Runs } from './types.js';

const demandSchema = z.strictObject({ name: serviceName });

/** Rollcall's own methods. */
export function createOwnRuns(context: Context): Runs<Exclude<keyof typeof OWN, 'wait_for_change'>> {
  const { services, turns, maxAnswer, checkReports } = context;
  const limits = answerLimits(maxAnswer);
  return {
    describe([id]) {
      const record = services.get(id);
      if (record !== undefined) return describedInstance(record, services, checkReports(record));
      throw new RegistryError(
        'NOT_FOUND',
        `There is no instance with the id ${id}; it may have been unregistered.`,
      );
    },

    find: ([query = {}, options = {}], caller) =>
      turns.run(() => find(services, checkQuery(query), options, limits), caller),

    get_status_codes: () => STATUS_CODES,

    heartbeat: ([name, id], { by }) => services.heartbeat(name, whose(id, by)) > 0,

    list_services: (_, caller) => turns.run(() => listServices(services, limits), caller),

    lookup: createLookup(context),

    resolve([name, wait = DEFAULT_WAIT_S], caller) {
      if (wait < 0 || wait > LONGEST_WAIT_S) {
        throw new XmlRpcFault(
          FAULT_CODES.INVALID_PARAMS,
          `resolve: wait_s must be from 0 to ${LONGEST_WAIT_S}, not ${wait}`,
        );
      }
      const found = services.next(name);
      if (found !== undefined) return encoded(found);
      // What can be no service is not asked for, nor waited for.
      parseArgument(demandSchema, { name });
      return services.resolve(name, { waitMs: wait * 1_000, signal: caller.signal }).then(encoded);
    },
  };
}

function encoded(record: ServiceRecord): EncodedValue {
  return new EncodedValue(instanceXml(record));
}

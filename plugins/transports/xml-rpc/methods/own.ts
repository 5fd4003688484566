import { z } from 'zod';
import { type PluginApi, parseArgument, STATUS_CODES } from '../../../../core/index.js';
import { FAULT_CODES, XmlRpcFault } from '../faults.js';
import { whose } from './arguments.js';
import { instanceStruct } from './instance-struct.js';
import type { OWN } from './table.js';
import type { Runs } from './types.js';

const FIND_LIMIT = 10_000;
const LONGEST_WAIT_S = 300;

const findOptionsSchema = z.strictObject({
  sort: z.record(z.string(), z.union([z.literal(1), z.literal(-1)])).optional(),
  limit: z.int().min(1).max(FIND_LIMIT).optional(),
  skip: z.int().min(0).optional(),
});

/** Rollcall's own methods. */
export function createOwnRuns({ services }: Pick<PluginApi, 'services'>): Runs<keyof typeof OWN> {
  return {
    find([query = {}, options = {}]) {
      const { sort, limit = FIND_LIMIT, skip = 0 } = parseArgument(findOptionsSchema, options);
      return services.find(query, { ...(sort && { sort }), limit, skip }).map(instanceStruct);
    },

    get_status_codes: () => STATUS_CODES,

    heartbeat: ([name, id], { by }) => services.heartbeat(name, whose(id, by)) > 0,

    list_services: () =>
      [...services.names()].map(({ name, instances }) => {
        let running = 0;
        for (const { status } of services.instances(name)) if (status === 'running') running += 1;
        return { name, instances, running };
      }),

    lookup([name, query]) {
      const { records, stale } = services.lookup(name, query);
      const structs = records.map(instanceStruct);
      for (const record of stale) structs.push({ ...instanceStruct(record), stale: true });
      return structs;
    },

    resolve([name, wait = 30], { signal }) {
      if (wait < 0 || wait > LONGEST_WAIT_S) {
        throw new XmlRpcFault(
          FAULT_CODES.INVALID_PARAMS,
          `resolve: wait_s must be from 0 to ${LONGEST_WAIT_S}, not ${wait}`,
        );
      }
      const found = services.next(name);
      if (found !== undefined) return instanceStruct(found);
      return services.resolve(name, { waitMs: wait * 1_000, signal }).then(instanceStruct);
    },
  };
}

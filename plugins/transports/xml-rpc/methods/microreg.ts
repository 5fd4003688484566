import { andThen, parsePlainRequest, RegistryError, type ServiceRecord } from '../../../../core/index.js';
import { detailsFrom, statusFrom, whose } from './arguments.js';
import type { Context } from './context.js';
import { allDetails } from './long-reads.js';
import { givenHost, givenPort } from './microreg-entry.js';
import type { MICROREG } from './table.js';
import type { Runs } from './types.js';

/** What fits an XML-RPC `<int>`. */
const LARGEST_INT = 2 ** 31 - 1;

/** MicroReg's six, as it answered them. */
export function createMicroRegRuns({ services, turns, maxAnswer }: Context): Runs<keyof typeof MICROREG> {
  return {
    register([name, host, port, code, details], { by }) {
      const status = code === undefined ? 'running' : statusFrom(code);
      const plain =
        status === 'running' && details === undefined ? parsePlainRequest(name, host, port) : undefined;
      const registered =
        plain !== undefined
          ? services.registerParsed(plain, { by })
          : services.register({ name, host, port, status, ...detailsFrom(details) }, { by });
      return andThen(registered, idOf);
    },

    update_status: ([name, code, id], { by }) =>
      andThen(services.updateStatus(name, statusFrom(code), whose(id, by)), isAny),

    unregister: ([name, id], { by }) => andThen(services.unregister(name, whose(id, by)), isAny),

    get_service_details([name]) {
      const record = services.next(name) ?? services.nextOfAny(name);
      return record === undefined ? false : [givenHost(record), givenPort(record)];
    },

    get_all_service_details: (_, caller) => turns.run(() => allDetails(services, maxAnswer), caller),

    get_reg_count: () => services.count(),
  };
}

function idOf(record: ServiceRecord): number {
  if (record.id <= LARGEST_INT) return record.id;
  throw new RegistryError(
    'IDS_EXHAUSTED',
    `"${record.name}" is registered, but its id ${record.id} does not fit an XML-RPC int.`,
  );
}

function isAny(count: number): boolean {
  return count > 0;
}

import {
  andThen,
  type PluginApi,
  parsePlainRequest,
  RegistryError,
  type ServiceRecord,
  STATUS_CODES,
} from '../../../../core/index.js';
import { detailsFrom, statusFrom, whose } from './arguments.js';
import type { MICROREG } from './table.js';
import type { Runs } from './types.js';

/** What fits an XML-RPC `<int>`. */
const LARGEST_INT = 2 ** 31 - 1;
/** Longer answers than this become a fault that names the method which answers in parts. */
const ANSWER_LIMIT = 16 * 1024 * 1024;

/** MicroReg's six, as it answered them. */
export function createMicroRegRuns({ services }: Pick<PluginApi, 'services'>): Runs<keyof typeof MICROREG> {
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

    get_all_service_details() {
      const parts: string[] = [];
      let length = 2;
      for (const record of services.traverse()) {
        const part = `"${record.id}": ${JSON.stringify(microRegDetails(record))}`;
        length += part.length + 2;
        if (length > ANSWER_LIMIT) {
          throw new RegistryError(
            'LIMIT_REACHED',
            `The answer is over ${ANSWER_LIMIT} characters. Use find with a limit and skip.`,
          );
        }
        parts.push(part);
      }
      return `{${parts.join(', ')}}`;
    },

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

/** MicroReg answered host and port as they had been given. */
const givenHost = (record: ServiceRecord) => record.given?.host ?? record.host;
const givenPort = (record: ServiceRecord) => record.given?.port ?? record.port;

/** One instance as MicroReg's `get_all_service_details` shows it. */
function microRegDetails(record: ServiceRecord) {
  return {
    name: record.name,
    host: givenHost(record),
    port: givenPort(record),
    status: STATUS_CODES[record.status],
    reg_timestamp: microRegTime(new Date(record.registeredAt)),
    id: record.id,
  };
}

/** "dd-mm-yy HH:MM", in local time. */
function microRegTime(at: Date): string {
  const two = (value: number) => String(value % 100).padStart(2, '0');
  return `${two(at.getDate())}-${two(at.getMonth() + 1)}-${two(at.getFullYear())} ${two(at.getHours())}:${two(at.getMinutes())}`;
}

import { z } from 'zod';
import {
  andThen,
  duration,
  type PluginApi,
  parseArgument,
  parsePlainRequest,
  type RegisterInput,
  RegistryError,
  type ServiceRecord,
  STATUS_CODES,
  type Status,
  statusOfCode,
} from '../../../core/index.js';
import { FAULT_CODES, XmlRpcFault } from './faults.js';
import type { Method, Parameter } from './method.js';
import type { XmlRpcValue } from './values.js';

/** What fits an XML-RPC `<int>`. */
const LARGEST_INT = 2 ** 31 - 1;
/** Longer answers than this become a fault that names the method which answers in parts. */
const ANSWER_LIMIT = 16 * 1024 * 1024;
const FIND_LIMIT = 10_000;
const LONGEST_WAIT_S = 300;

const NAME: Parameter = { name: 'name', types: ['string'] };
const ID: Parameter = { name: 'id', types: ['int'], isOptional: true };

/** What `register`'s fifth parameter may say. */
const detailsSchema = z.strictObject({
  instance: z.string().optional(),
  version: z.string().optional(),
  tags: z.array(z.string()).optional(),
  meta: z.record(z.string(), z.string()).optional(),
  weight: z.number().optional(),
  zone: z.string().optional(),
  ttl: duration().optional(),
  checks: z.array(z.record(z.string(), z.json())).optional(),
});

const findOptionsSchema = z.strictObject({
  sort: z.record(z.string(), z.union([z.literal(1), z.literal(-1)])).optional(),
  limit: z.int().min(1).max(FIND_LIMIT).optional(),
  skip: z.int().min(0).optional(),
});

/** The methods of this door but for introspection: MicroReg's six, as it answered them, and then ours. */
export function createMethods({ services }: Pick<PluginApi, 'services'>): Method[] {
  const idOf = (record: ServiceRecord): number => {
    if (record.id <= LARGEST_INT) return record.id;
    throw new RegistryError(
      'IDS_EXHAUSTED',
      `"${record.name}" is registered, but its id ${record.id} does not fit an XML-RPC int.`,
    );
  };
  return [
    {
      name: 'register',
      help:
        'Registers an instance of a service and answers its id, an integer from 1 up. Registering it again renews it under the same id. ' +
        'status is 1 unless it is given. details is a struct with any of instance, version, tags, meta, weight, zone, ttl and checks; ' +
        'without an instance name, host and port together name the instance.',
      parameters: [
        NAME,
        { name: 'host', types: ['string'] },
        { name: 'port', types: ['int', 'string'] },
        { name: 'status', types: ['int'], isOptional: true },
        { name: 'details', types: ['struct'], isOptional: true },
      ],
      returns: ['int'],
      verb: 'register',
      run([name, host, port, code, details], { by }) {
        const status = code === undefined ? 'running' : statusFrom(code);
        const plain =
          status === 'running' && details === undefined ? parsePlainRequest(name, host, port) : undefined;
        const registered =
          plain !== undefined
            ? services.registerParsed(plain, { by })
            : services.register({ name, host, port, status, ...detailsFrom(details) } as RegisterInput, {
                by,
              });
        return andThen(registered, idOf);
      },
    },
    {
      name: 'update_status',
      help: 'Sets what instances of a service say of themselves: all of them, or the one with this id. True, or False where there is none.',
      parameters: [NAME, { name: 'status', types: ['int'] }, ID],
      returns: ['boolean'],
      verb: 'status',
      run: ([name, code, id], { by }) =>
        andThen(
          services.updateStatus(String(name), statusFrom(code), { ...which(id), by }),
          (count) => count > 0,
        ),
    },
    {
      name: 'unregister',
      help: 'Removes instances of a service: all of them, or the one with this id. True, or False where there is none.',
      parameters: [NAME, ID],
      returns: ['boolean'],
      verb: 'unregister',
      run: ([name, id], { by }) =>
        andThen(services.unregister(String(name), { ...which(id), by }), (count) => count > 0),
    },
    {
      name: 'get_service_details',
      help:
        'The address of one instance of a service, as [host, port]: the running ones take turns; where none runs, any that is registered. ' +
        'False where there is none.',
      parameters: [NAME],
      returns: ['array', 'boolean'],
      verb: 'read',
      run([name]) {
        const record = services.next(String(name)) ?? services.nextOfAny(String(name));
        return record === undefined ? false : [givenHost(record), givenPort(record)];
      },
    },
    {
      name: 'get_all_service_details',
      help:
        'Every instance, as a string of JSON: an object keyed by id, each with name, host, port, status (integer), ' +
        'reg_timestamp ("dd-mm-yy HH:MM", local time) and id.',
      parameters: [],
      returns: ['string'],
      verb: 'read',
      run() {
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
    },
    {
      name: 'get_reg_count',
      help: 'How many instances are registered.',
      parameters: [],
      returns: ['int'],
      verb: 'read',
      run: () => services.count(),
    },
    {
      name: 'heartbeat',
      help: 'Renews the lease of instances of a service: all of them, or the one with this id. True, or False where there is none: then register again.',
      parameters: [NAME, ID],
      returns: ['boolean'],
      verb: 'status',
      run: ([name, id], { by }) => services.heartbeat(String(name), { ...which(id), by }) > 0,
    },
    {
      name: 'lookup',
      help:
        'The instances of a service that may be called, as an array of structs: the running ones; where none runs, the degraded ones. ' +
        'query is a struct such as {"zone": "eu", "port": {"$gt": 80}}. In mass silence also those that fell silent in it, with stale true.',
      parameters: [NAME, { name: 'query', types: ['struct'], isOptional: true }],
      returns: ['array'],
      verb: 'read',
      run([name, query]) {
        const { records, stale } = services.lookup(
          String(name),
          query as { [key: string]: unknown } | undefined,
        );
        return [
          ...records.map((record) => toStruct(record)),
          ...stale.map((record) => ({ ...toStruct(record), stale: true })),
        ];
      },
    },
    {
      name: 'resolve',
      help:
        'One instance of a service that may be called, as a struct. Where none runs, one is started, if the registry knows how, and waited ' +
        'for, at most wait_s seconds (30 unless it is given).',
      parameters: [NAME, { name: 'wait_s', types: ['double', 'int'], isOptional: true }],
      returns: ['struct'],
      verb: 'read',
      run([name, wait = 30], { signal }) {
        if (typeof wait !== 'number' || wait < 0 || wait > LONGEST_WAIT_S) {
          throw new XmlRpcFault(
            FAULT_CODES.INVALID_PARAMS,
            `resolve: wait_s must be from 0 to ${LONGEST_WAIT_S}, not ${String(wait)}`,
          );
        }
        const found = services.next(String(name));
        if (found !== undefined) return toStruct(found);
        return services.resolve(String(name), { waitMs: wait * 1_000, signal }).then(toStruct);
      },
    },
    {
      name: 'find',
      help:
        `Instances of any status by a query such as {"name": "payments", "status": "error"}, as an array of structs. options is a struct with ` +
        `any of sort, limit (at most ${FIND_LIMIT}, which it is unless it is given) and skip.`,
      parameters: [
        { name: 'query', types: ['struct'], isOptional: true },
        { name: 'options', types: ['struct'], isOptional: true },
      ],
      returns: ['array'],
      verb: 'read',
      run([query = {}, options = {}]) {
        const { sort, limit = FIND_LIMIT, skip = 0 } = parseArgument(findOptionsSchema, options);
        const found = services.find(query as { [key: string]: unknown }, {
          ...(sort && { sort }),
          limit,
          skip,
        });
        return found.map(toStruct);
      },
    },
    {
      name: 'list_services',
      help: 'The services that have instances, as an array of structs: name, instances, running.',
      parameters: [],
      returns: ['array'],
      verb: 'read',
      run: () =>
        [...services.names()].map(({ name, instances }) => {
          let running = 0;
          for (const { status } of services.instances(name)) if (status === 'running') running += 1;
          return { name, instances, running };
        }),
    },
  ];
}

function statusFrom(code: XmlRpcValue | undefined): Status {
  const status = typeof code === 'number' ? statusOfCode(code) : undefined;
  if (status !== undefined) return status;
  const known = Object.entries(STATUS_CODES).map(([name, value]) => `${value} ${name}`);
  throw new XmlRpcFault(
    FAULT_CODES.INVALID_PARAMS,
    `status must be one of ${known.join(', ')}, not ${String(code)}`,
  );
}

function detailsFrom(details: XmlRpcValue | undefined) {
  if (details === undefined) return {};
  const { ttl, ...rest } = parseArgument(detailsSchema, details);
  return { ...rest, ...(ttl !== undefined && { ttlMs: Math.round(ttl) }) };
}

function which(id: XmlRpcValue | undefined) {
  return typeof id === 'number' ? { id } : {};
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

/** One instance as a struct. */
export function toStruct(record: ServiceRecord): { readonly [member: string]: XmlRpcValue } {
  return {
    id: record.id,
    name: record.name,
    instance: record.instance,
    host: record.host,
    port: record.port,
    status: STATUS_CODES[record.status],
    reason: record.reason,
    ...(record.version !== undefined && { version: record.version }),
    tags: record.tags,
    meta: record.meta,
    weight: record.weight,
    ...(record.zone !== undefined && { zone: record.zone }),
    ...(record.ttlMs !== undefined && { ttl: record.ttlMs }),
    owner: record.owner,
    registered_at: new Date(record.registeredAt),
    updated_at: new Date(record.updatedAt),
  };
}

import { FIND_LIMIT, SORT_LIMIT } from './limits.js';

/** One member of a struct. */
export interface MemberSpec {
  /** In the words of {@link TypeOf}. */
  readonly type: string;
  /** Left out where there is nothing to say: no member is ever `<nil/>`. */
  readonly optional?: true;
  /** What it is, its unit, and when it is there; for docs/xml-rpc.md. */
  readonly says: string;
}

/** A struct that a method takes or answers. Pure data: its TypeScript type and its part of docs/xml-rpc.md follow from it. */
export interface StructSpec {
  readonly says: string;
  readonly members: { readonly [name: string]: MemberSpec };
}

const INSTANCE = {
  id: { type: 'int', says: 'the short name of the instance, never used again' },
  name: { type: 'string', says: 'the service it is an instance of' },
  instance: {
    type: 'string',
    says: 'its name among the instances of the service: `host:port` unless it was registered with another',
  },
  host: { type: 'string', says: 'where it can be connected to, without scheme or path' },
  port: { type: 'int', says: 'from 1 to 65535' },
  status: { type: 'int', says: 'see `get_status_codes`' },
  reason: { type: 'string', says: 'why it is not running; empty when it is' },
  version: { type: 'string', optional: true, says: 'as it was registered; left out where it was without' },
  tags: { type: 'string[]', says: 'as they were registered' },
  meta: { type: 'struct<string>', says: 'as it was registered' },
  weight: { type: 'double', says: 'its share of the calls, against its peers; 1 unless it was told' },
  zone: { type: 'string', optional: true, says: 'as it was registered; left out where it was without' },
  ttl: {
    type: 'int',
    optional: true,
    says: 'milliseconds: it stays while it heartbeats at least this often; left out where it has no lease',
  },
  owner: { type: 'string', says: 'who registered it: a door such as `xml-rpc`, or the supervisor' },
  registered_at: { type: 'dateTime.iso8601', says: 'UTC' },
  updated_at: { type: 'dateTime.iso8601', says: 'UTC: when what it said of itself last changed' },
} as const;

/** Every struct of this door by its name. */
export const STRUCTS = {
  RegisterDetails: {
    says: 'What `register` may be told beside the address. Anything else in it is a fault.',
    members: {
      instance: {
        type: 'string',
        optional: true,
        says: 'tells instances of one name apart; at most 128 characters; `host:port` where it is left out',
      },
      version: { type: 'string', optional: true, says: 'at most 128 characters' },
      tags: { type: 'string[]', optional: true, says: 'at most 64, each of at most 128 characters' },
      meta: {
        type: 'struct<string>',
        optional: true,
        says: 'at most 64 members, each of at most 1024 characters under a name of at most 128',
      },
      zone: { type: 'string', optional: true, says: 'at most 128 characters' },
      weight: {
        type: 'double|int',
        optional: true,
        says: 'from 0 to 65535: its share of the calls, against its peers; 1 where it is left out',
      },
      ttl: {
        type: 'string|double|int',
        optional: true,
        says: 'a duration from a second to 30 days: it is in error once it has not heartbeat for so long',
      },
      checks: {
        type: 'struct[]',
        optional: true,
        says: 'at most 16, each with a `kind` such as `tcp` and what that checker takes; 4096 characters as JSON, 56 levels deep',
      },
    },
  },
  FindOptions: {
    says: 'Which part of what a query asks for is answered. Anything else in it is a fault.',
    members: {
      limit: {
        type: 'int',
        optional: true,
        says: `from 1 to ${FIND_LIMIT}, which it is where it is left out`,
      },
      after: {
        type: 'int',
        optional: true,
        says: 'only instances with a higher id: that of the last one of the page before. Not beside `sort`',
      },
      sort: {
        type: 'struct<int>',
        optional: true,
        says: `what to sort by, such as port, the first counts most: 1 ascending, -1 descending; at most ${SORT_LIMIT} instances are sorted`,
      },
      skip: { type: 'int', optional: true, says: 'how many to pass over; 0 where it is left out' },
    },
  },
  MulticallStruct: {
    says: 'One call within `system.multicall`.',
    members: {
      methodName: {
        type: 'string',
        says: 'any method but `system.multicall` and those that wait for changes',
      },
      params: { type: 'array', says: 'its parameters' },
    },
  },
  FaultStruct: {
    says: 'What a call within `system.multicall` is answered with, in the place of its answer, where it fails.',
    members: {
      faultCode: { type: 'int', says: 'see [errors.md](errors.md)' },
      faultString: { type: 'string', says: 'what was wrong, in words' },
    },
  },
  InstanceStruct: {
    says: 'One instance of a service.',
    members: {
      ...INSTANCE,
      stale: {
        type: 'boolean',
        optional: true,
        says: 'true, and only in `lookup`: it fell silent with many others, and may run all the same',
      },
    },
  },
  DescribedInstance: {
    says: 'One instance with all that the registry knows of it. Members may be added.',
    members: {
      ...INSTANCE,
      stale: {
        type: 'boolean',
        says: 'it fell silent with many others, and `lookup` answers it all the same',
      },
      lease_left: {
        type: 'int',
        optional: true,
        says: 'milliseconds until its lease ends; left out where it has none, or it has ended',
      },
      checks: { type: 'CheckStruct[]', says: 'what is checked of it, and what that last came to' },
      voices: { type: 'VoicesStruct', says: 'who says what of it; `status` is the worst of these' },
      home: { type: 'string', says: 'the id of the server that checks and expires it' },
      revision: {
        type: 'string',
        says: 'the number of the last change of it, a string since it outgrows 32 bits',
      },
    },
  },
  CheckStruct: {
    says: 'One check of an instance. Members may be added.',
    members: {
      kind: { type: 'string', says: 'which checker' },
      spec: {
        type: 'struct',
        says: "the check as it was registered; of one that the registry's configuration asks for, the kind",
      },
      status: {
        type: 'int',
        optional: true,
        says: 'what the last one came to, see `get_status_codes`; left out, as the next four, before the first',
      },
      output: { type: 'string', optional: true, says: 'what it saw, in a line' },
      latency: { type: 'double', optional: true, says: 'how long it took, in milliseconds' },
      at: { type: 'dateTime.iso8601', optional: true, says: 'when it was' },
      failures: {
        type: 'int',
        optional: true,
        says: 'how many in a row, up to the last, did not find it running',
      },
      problem: {
        type: 'string',
        optional: true,
        says: 'why it is not run, or last came to nothing, where the fault is with the check itself',
      },
    },
  },
  VoicesStruct: {
    says: 'Who has spoken of an instance. All but the first are left out where they have nothing against it.',
    members: {
      reported: { type: 'VoiceStruct', says: 'the instance itself' },
      managed: { type: 'VoiceStruct', optional: true, says: 'the supervisor that runs it' },
      exited: { type: 'VoiceStruct', optional: true, says: 'its process, which has ended' },
      check: { type: 'VoiceStruct', optional: true, says: 'its checks' },
      lease: { type: 'VoiceStruct', optional: true, says: 'its lease, which has ended without a heartbeat' },
    },
  },
  VoiceStruct: {
    says: 'What one of them says.',
    members: {
      status: { type: 'int', says: 'see `get_status_codes`' },
      reason: { type: 'string', says: 'why; empty where the instance itself speaks' },
    },
  },
  ServiceStruct: {
    says: 'One service, as `list_services` counts it.',
    members: {
      name: { type: 'string', says: 'what callers ask for' },
      instances: { type: 'int', says: 'how many are registered, whatever their status' },
      running: { type: 'int', says: 'how many of them run' },
    },
  },
  ChangesStruct: {
    says: 'What came after a cursor.',
    members: {
      cursor: { type: 'string', says: 'what to ask with next; opaque' },
      changes: {
        type: 'ChangeStruct[]',
        says: 'in the order in which they came; at most 1000, the rest then comes with the next call, at once',
      },
      reset: {
        type: 'boolean',
        says: 'true where it is not known what came after the cursor: read the instances anew, then go on with this one',
      },
    },
  },
  ChangeStruct: {
    says: 'What became of one instance. Only its last state is told, however often it changed.',
    members: {
      kind: {
        type: 'string',
        says: '`registered`, `changed` or `unregistered`; the first two mean the same to who keeps a list: it is so now',
      },
      instance: {
        type: 'InstanceStruct',
        says: 'as it is now, whatever its status; one that is unregistered as it was last known',
      },
    },
  },
  CapabilityStruct: {
    says: 'A specification that this door keeps to.',
    members: {
      specUrl: { type: 'string', says: 'where it was published' },
      specVersion: { type: 'int', says: 'as its authors count' },
    },
  },
} as const satisfies { readonly [name: string]: StructSpec };

export type StructName = keyof typeof STRUCTS;

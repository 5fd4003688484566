import { expect } from 'vitest';

/** All text that XML can carry, and what has to be escaped in it. */
export const GREETING = 'Grüße 日本語 🜁 <&> ]]>';

/**
 * What each client does, in this order, with a registry of its own. Its program prints a line for each step: the step's
 * name, a space, and the answer as JSON, as the client hands it to its user.
 */
export type Step =
  | 'register' // payments at 127.0.0.1:9000, running
  | 'again' // the same, without status
  | 'details' // get_service_details of payments
  | 'details_of_none' // and of nobody
  | 'greet' // registers payments at 127.0.0.1:9001, with a tag and the greeting in its meta
  | 'greeting' // which lookup by that port answers
  | 'tags' // and the tag
  | 'update_status' // of payments, to stopped
  | 'update_status_of_none'
  | 'all' // get_all_service_details, which is JSON in a string
  | 'count' // get_reg_count
  | 'fault' // code and text of calling no_such_method
  | 'methods' // system.listMethods
  | 'multicall' // of get_reg_count and no_such_method: the count, and the code of the fault
  | 'unregister'
  | 'unregister_again'
  | 'count_after';

/** How a client shows its answers. */
export interface Shown {
  /** Its language makes no difference between 1, '1' and true. */
  readonly isUntyped?: boolean;
  /** The text that it can send and read, where that is not all text. */
  readonly greeting?: string;
  /** A fault, where it does not show code and text. */
  readonly fault?: string;
  /** What it cannot do. */
  readonly lacks?: readonly Step[];
}

const time = expect.stringMatching(/^\d\d-\d\d-\d\d \d\d:\d\d$/);
const listed = (id: number, port: number) => {
  return { name: 'payments', host: '127.0.0.1', port, status: 0, reg_timestamp: time, id };
};
const METHODS = ['register', 'get_service_details', 'lookup', 'system.listMethods', 'system.multicall'];
const NO_METHOD = /there is no method "no_such_method"; system.listMethods lists them/;

/** Fails unless what a client's program printed is the story, each answer of the right type. */
export function expectStory(out: string, shown: Shown): void {
  const lines = out.trimEnd().split('\n');
  const told = lines.map((line) => {
    const space = line.indexOf(' ');
    return [line.slice(0, space), JSON.parse(line.slice(space + 1))] as [string, unknown];
  });
  expect(withTypesOf(shown, told)).toEqual(withTypesOf(shown, Object.entries(story(shown))));
}

function story({ greeting = GREETING, fault, lacks = [] }: Shown): Partial<Record<Step, unknown>> {
  const steps: Partial<Record<Step, unknown>> = {
    register: 1,
    again: 1,
    details: ['127.0.0.1', 9000],
    details_of_none: false,
    greet: 2,
    greeting,
    tags: ['new'],
    update_status: true,
    update_status_of_none: false,
    all: { 1: listed(1, 9000), 2: listed(2, 9001) },
    count: 2,
    fault: fault ?? [-32601, expect.stringMatching(NO_METHOD)],
    methods: expect.arrayContaining(METHODS),
    multicall: [2, -32601],
    unregister: true,
    unregister_again: false,
    count_after: 0,
  };
  for (const step of lacks) delete steps[step];
  return steps;
}

/** Without types a number or a boolean is the text of a number. The listing is JSON of the registry's own, not the client's. */
function withTypesOf({ isUntyped = false }: Shown, steps: [string, unknown][]): [string, unknown][] {
  return isUntyped ? steps.map(([step, value]) => [step, step === 'all' ? value : untyped(value)]) : steps;
}

function untyped(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(untyped);
  return typeof value === 'number' || typeof value === 'boolean' ? String(Number(value)) : value;
}

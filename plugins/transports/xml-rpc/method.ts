import type { AccessRequest, Awaitable, By } from '../../../core/index.js';
import { FAULT_CODES, XmlRpcFault } from './faults.js';
import type { MethodSpec } from './methods/table.js';
import { wireTypes, type XmlRpcType } from './methods/wire-types.js';
import type { Answer, XmlRpcValue } from './values.js';

/** One parameter: what it is called in help and faults, and the types it may have. */
export interface Parameter {
  readonly name: string;
  readonly types: readonly XmlRpcType[];
  readonly isOptional?: boolean;
}

/** Who calls, for those methods that write it down or have to wait. */
export interface Caller {
  readonly by: By;
  /** Aborts when nobody waits for the answer any more. Made on demand. */
  readonly signal: AbortSignal;
  /** The same for who lets many wait: calls `tell` with the signal's reason, at next to no cost. */
  onGone(tell: (reason: Error) => void): void;
  /** The peer's address, and what it showed of itself, for access rules. */
  readonly remote: string;
  readonly authorization: string | undefined;
  /** The same, known by another name: the one that an access plugin found it to have. */
  as(who: string): Caller;
}

/** One method as dispatch and introspection need it: a row of the table, or an operation, and what runs it. */
export interface Method {
  readonly name: string;
  /** What it does and answers, in a sentence or two. */
  readonly help: string;
  readonly parameters: readonly Parameter[];
  readonly returns: readonly XmlRpcType[];
  /** What it does, for access rules. */
  readonly verb: AccessRequest['verb'];
  /** Whether in a `system.multicall` it is over before the next call begins, is begun beside others, or is refused. */
  readonly inMulticall: 'alone' | 'beside' | 'refused';
  /** Parameters have been held against `parameters`: as many as there may be, each of a type it may have. */
  run(params: readonly XmlRpcValue[], caller: Caller): Awaitable<Answer>;
}

/** A row of the table with what runs it. */
export function methodFrom(name: string, spec: MethodSpec, run: Method['run']): Method {
  const parameters = spec.parameters.map(({ name, type, optional }) => ({
    name,
    types: wireTypes(type),
    isOptional: optional === true,
  }));
  const { help, verb, inMulticall = besideUnlessRead(verb) } = spec;
  return { name, help, parameters, returns: wireTypes(spec.returns), verb, inMulticall, run };
}

/** How a method goes with others in a `system.multicall` where nothing else is said of it. */
export function besideUnlessRead(verb: Method['verb']): 'alone' | 'beside' {
  return verb === 'read' ? 'alone' : 'beside';
}

/** `register(name, host, port[, status[, details]])` */
export function usage({ name, parameters }: Pick<Method, 'name' | 'parameters'>): string {
  let text = `${name}(`;
  let open = 0;
  parameters.forEach((parameter, index) => {
    const comma = index === 0 ? '' : ', ';
    if (parameter.isOptional) open += 1;
    text += parameter.isOptional ? `[${comma}${parameter.name}` : `${comma}${parameter.name}`;
  });
  return `${text}${']'.repeat(open)})`;
}

/** Every way to call a method, as `system.methodSignature` answers it: each the type of the answer, then of the parameters. */
export function signatures({ parameters, returns }: Method): XmlRpcType[][] {
  let ways: XmlRpcType[][] = returns.map((type) => [type]);
  const complete: XmlRpcType[][] = [];
  for (const { types, isOptional } of parameters) {
    if (isOptional) complete.push(...ways);
    ways = ways.flatMap((way) => types.map((type) => [...way, type]));
  }
  return [...complete, ...ways];
}

/** Holds parameters against what a method takes; fault -32602 says what it takes. Every call passes here: no closures. */
export function checkParams(method: Method, params: readonly XmlRpcValue[]): void {
  const { parameters } = method;
  const next = parameters[params.length];
  if (params.length > parameters.length || (next !== undefined && next.isOptional !== true)) {
    throw wrongCount(method, params.length);
  }
  for (let index = 0; index < params.length; index++) {
    const { types } = parameters[index] as Parameter;
    const type = typeOf(params[index] as XmlRpcValue);
    if (types.includes(type) || types.includes('undef') || (type === 'int' && types.includes('double')))
      continue;
    throw wrongType(method, index, type);
  }
}

function wrongCount(method: Method, count: number): XmlRpcFault {
  const { parameters } = method;
  const least = parameters.filter(({ isOptional }) => !isOptional).length;
  const wanted = least === parameters.length ? `${least}` : `${least} to ${parameters.length}`;
  return new XmlRpcFault(
    FAULT_CODES.INVALID_PARAMS,
    `${usage(method)} takes ${wanted} ${wanted === '1' ? 'parameter' : 'parameters'}, not ${count}`,
  );
}

function wrongType(method: Method, index: number, type: XmlRpcType): XmlRpcFault {
  const { name, types } = method.parameters[index] as Parameter;
  const found = type === 'undef' ? 'what was sent' : type;
  return new XmlRpcFault(
    FAULT_CODES.INVALID_PARAMS,
    `${usage(method)}: ${name} must be ${types.join(' or ')}, not ${found}`,
  );
}

function typeOf(value: XmlRpcValue): XmlRpcType {
  switch (typeof value) {
    case 'string':
      return 'string';
    case 'boolean':
      return 'boolean';
    case 'number':
      return Number.isInteger(value) ? 'int' : 'double';
    case 'object':
      if (Array.isArray(value)) return 'array';
      return value === null || value instanceof Date || value instanceof Uint8Array ? 'undef' : 'struct';
    default:
      return 'undef';
  }
}

import { z } from 'zod';
import { RegistryError } from './errors.js';
import { nearest } from './nearest.js';

const UNITS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** A duration: a number of milliseconds, or a string such as `'250ms'`, `'10s'`, `'1.5m'`, `'2h'`, `'7d'`. Gives milliseconds. */
export function duration(limits: { min?: number; max?: number } = {}) {
  const { min = 0, max = 365 * UNITS.d } = limits;
  return z
    .union([z.number(), z.string()], {
      error: "expected a duration, such as '10s' or a number of milliseconds",
    })
    .transform((given, context) => {
      const match = typeof given === 'string' ? /^(\d{1,12}(?:\.\d{1,6})?)(ms|s|m|h|d)$/.exec(given) : null;
      const ms =
        typeof given === 'number'
          ? given
          : Number(match?.[1]) * UNITS[(match?.[2] ?? 'ms') as keyof typeof UNITS];
      if (Number.isFinite(ms) && ms >= min && ms <= max) return ms;
      context.addIssue({
        code: 'custom',
        message: Number.isFinite(ms)
          ? `expected a duration from ${min} ms to ${max} ms, not ${ms} ms`
          : `expected a duration, such as '10s' or a number of milliseconds, not ${JSON.stringify(given)}`,
      });
      return z.NEVER;
    });
}

/**
 * Parses a value by a schema, or says in words what is wrong with it. A key that an object's schema does not name is
 * refused also where zod would drop it silently: only `z.looseObject` and `catchall` let others in.
 */
export function parse<S extends z.ZodType>(
  schema: S,
  value: unknown,
): { data: z.output<S>; issues?: never } | { issues: readonly string[] } {
  const result = schema.safeParse(value, { reportInput: true });
  const unknown = droppedKeys(schema, value, []);
  if (result.success && unknown.length === 0) return { data: result.data };
  const issues = [...unknown, ...(result.success ? [] : describeIssues(result.error, schema))];
  return { issues: [...new Set(issues)] };
}

/** Parses an argument of a call, as {@link parse} does; INVALID_ARGUMENT says all that is wrong with it. */
export function parseArgument<S extends z.ZodType>(schema: S, value: unknown): z.output<S> {
  const result = parse(schema, value);
  if (result.issues === undefined) return result.data;
  throw new RegistryError('INVALID_ARGUMENT', result.issues.join('; '));
}

/** What is wrong with one value, in words: where it is, what was expected, and the nearest valid name of a misspelt key. */
export function describeIssues(error: Pick<z.ZodError, 'issues'>, schema?: z.ZodType): string[] {
  return error.issues.flatMap((issue) => describeIssue(issue, issue.path, schema));
}

type Issue = z.core.$ZodIssue;
type Path = readonly PropertyKey[];

function describeIssue(issue: Issue, path: Path, schema: z.ZodType | undefined): string[] {
  if (issue.code === 'unrecognized_keys') {
    const known = keysAt(schema, path);
    return issue.keys.map((key) => unknownKey([...path, key], known));
  }
  if (issue.code === 'invalid_union') {
    // The one branch that the value looks like, if there is one, says more than that none fits.
    const near = issue.errors.filter((branch) =>
      branch.every(({ path }) => path.length > 0 || !isKind(branch)),
    );
    if (near.length === 1 && near[0] !== undefined) {
      return near[0].flatMap((inner) => describeIssue(inner, [...path, ...inner.path], schema));
    }
  }
  const where = path.length === 0 ? 'the value' : `"${path.map(String).join('.')}"`;
  return [`${where}: ${issue.message}${givenText(issue)}`];
}

/** Whether a branch of a union was refused for what the value is, not for what is in it. */
function isKind(branch: readonly Issue[]): boolean {
  return branch.some(
    ({ code, path }) => path.length === 0 && ['invalid_type', 'invalid_value'].includes(code),
  );
}

/** The value, where the message does not say it. Long or secret it cannot be: a number, or one of a fixed set of names. */
function givenText({ code, input }: Issue): string {
  const isNumber = (code === 'too_small' || code === 'too_big') && typeof input === 'number';
  const isName = code === 'invalid_value' && ['string', 'number', 'boolean'].includes(typeof input);
  return isNumber || isName ? `, not ${JSON.stringify(input).slice(0, 100)}` : '';
}

function unknownKey(path: Path, known: readonly string[]): string {
  const guess = nearest(String(path.at(-1)), known);
  const all = known.length > 0 ? ` Known keys: ${known.join(', ')}.` : '';
  return `unknown key "${path.map(String).join('.')}".${guess === undefined ? all : ` Did you mean "${guess}"?`}`;
}

/** The keys of a value that its schema would drop, in words. */
function droppedKeys(schema: unknown, value: unknown, path: Path): string[] {
  // Below what the schema describes there is nothing to hold the value against, and perhaps no end to it.
  if (schema === undefined || typeof value !== 'object' || value === null) return [];
  schema = unwrap(schema);
  if (schema instanceof z.ZodUnion) {
    const fitting = schema.options.find((option) => (option as z.ZodType).safeParse(value).success);
    return fitting === undefined ? [] : droppedKeys(fitting, value, path);
  }
  const isOpen = !(schema instanceof z.ZodObject) || schema.def.catchall !== undefined;
  const known = schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
  return Object.entries(value).flatMap(([key, member]) =>
    // zod drops a member of this name also where any other may be.
    (isOpen && key !== '__proto__') || known.includes(key)
      ? droppedKeys(childOf(schema, key), member, [...path, key])
      : [unknownKey([...path, key], known)],
  );
}

/** The keys that a schema knows at a path, as far as it is made of objects and records. */
function keysAt(schema: z.ZodType | undefined, path: Path): string[] {
  let at: unknown = schema;
  for (const step of path) at = childOf(unwrap(at), step);
  at = unwrap(at);
  if (at instanceof z.ZodUnion) return at.options.flatMap((option) => keysAt(option as z.ZodType, []));
  return at instanceof z.ZodObject ? Object.keys(at.shape) : [];
}

function childOf(schema: unknown, step: PropertyKey): unknown {
  if (schema instanceof z.ZodObject) {
    return Object.hasOwn(schema.shape, step) ? schema.shape[String(step)] : undefined;
  }
  if (schema instanceof z.ZodRecord) return schema.valueType;
  if (schema instanceof z.ZodArray) return schema.element;
  return undefined;
}

function unwrap(schema: unknown): unknown {
  for (;;) {
    if (
      schema instanceof z.ZodOptional ||
      schema instanceof z.ZodNullable ||
      schema instanceof z.ZodDefault ||
      schema instanceof z.ZodPrefault ||
      schema instanceof z.ZodReadonly
    ) {
      schema = schema.unwrap();
    } else if (schema instanceof z.ZodPipe) {
      schema = schema.in;
    } else {
      return schema;
    }
  }
}

import { z } from 'zod';
import { describeIssues, nearest, type PluginApi, RegistryError, type Spawner } from '../../core/index.js';
import { OWN_SHAPE, type ServiceOptions, spawnerPart } from './options.js';

/**
 * Holds one service's spec against the spawner and the checker that it names, and answers the spawner. Throws
 * PLUGIN_OPTIONS with the path of what is wrong.
 */
export function checkAgainstPlugins(
  name: string,
  options: ServiceOptions,
  { spawners, checkers }: Pick<PluginApi, 'spawners' | 'checkers'>,
): Spawner {
  const spawner = offered('spawner', options.spawner, spawners, ['services', name, 'spawner']);
  const own = spawner.spec instanceof z.ZodObject ? spawner.spec.shape : {};
  check(strict(spawner.spec), spawnerPart(options), ['services', name], z.object({ ...OWN_SHAPE, ...own }));
  const path = ['services', name, 'ready'];
  const checker = offered('checker', options.ready.check, checkers, [...path, 'check']);
  check(strict(checker.options), options.ready.options, [...path, 'options'], checker.options);
  return spawner;
}

function offered<T>(what: string, kind: string, all: ReadonlyMap<string, T>, path: readonly string[]): T {
  const one = all.get(kind);
  if (one !== undefined) return one;
  const guess = nearest(kind, all.keys());
  const hint = guess === undefined ? '' : ` Did you mean "${guess}"?`;
  const known = [...all.keys()].join(', ') || 'none';
  throw refused(
    `"${path.join('.')}": no plugin offers a ${what} "${kind}".${hint} Those that are offered: ${known}.`,
  );
}

/** An author who says nothing of unknown keys wants none: they are typing errors. */
function strict(schema: z.ZodType): z.ZodType {
  return schema instanceof z.ZodObject && schema.def.catchall === undefined ? schema.strict() : schema;
}

/** `known` is the schema whose keys are proposed for a misspelt one. */
function check(schema: z.ZodType, value: unknown, path: readonly string[], known: z.ZodType): void {
  const result = schema.safeParse(value);
  if (result.success) return;
  const issues = result.error.issues.map((issue) => ({ ...issue, path: [...path, ...issue.path] }));
  const around = path.reduceRight<z.ZodType>((inner, key) => z.object({ [key]: inner }), known);
  throw refused(describeIssues(new z.ZodError(issues), around).join('; '));
}

function refused(text: string): RegistryError {
  return new RegistryError('PLUGIN_OPTIONS', `The options of plugin "supervisor": ${text}`);
}

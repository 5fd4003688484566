import { createWaitForChangeRun } from '../changes/wait-for-change.js';
import { type Method, methodFrom } from '../method.js';
import type { Context } from './context.js';
import { createIntrospectionRuns, type MethodTable } from './introspection.js';
import { createMicroRegRuns } from './microreg.js';
import { createOwnRuns } from './own.js';
import { METHODS } from './table.js';
import type { MethodName, Runs } from './types.js';

/** Every row of the table with what runs it; `table` is the door's, which has the methods of plugins too. */
export function createMethods(context: Context, table: MethodTable): Method[] {
  const runs: Runs = {
    ...createMicroRegRuns(context),
    ...createOwnRuns(context),
    ...createWaitForChangeRun(context),
    ...createIntrospectionRuns(context, table),
  };
  return (Object.keys(METHODS) as MethodName[]).map((name) =>
    // Parameters are held against the row before it runs, and a struct's type has no index signature to show for itself.
    methodFrom(name, METHODS[name], runs[name] as unknown as Method['run']),
  );
}

import {
  type Collection,
  MicroDB,
  MicroDBError,
  type MicroDBErrorCode,
} from '../../../core/microdb/index.js';

/** A record of the tests. */
export interface Instance {
  readonly name: string;
  readonly instance: string;
  readonly id: number;
  readonly port?: number;
  readonly tags?: readonly string[];
  readonly meta?: { readonly [key: string]: string };
}

export const DEFINITION = {
  key: ['name', 'instance'],
  indexes: { id: { fields: ['id'], unique: true }, name: { fields: ['name'] }, port: { fields: ['port'] } },
};

/** A database with one empty collection of instances. */
export function makeInstances(options?: ConstructorParameters<typeof MicroDB>[0]): {
  db: MicroDB;
  instances: Collection<Instance>;
} {
  const db = new MicroDB(options);
  return { db, instances: db.collection<Instance>('instances', DEFINITION) };
}

export function instance(name: string, at: number, more: Partial<Instance> = {}): Instance {
  return { name, instance: `10.0.0.${at}:9000`, id: at, ...more };
}

/** The MicroDBError that something throws. */
export function errorOf(run: () => unknown): MicroDBError {
  try {
    run();
  } catch (error) {
    if (error instanceof MicroDBError) return error;
    throw error;
  }
  throw new Error('Nothing was thrown.');
}

export function codeOf(run: () => unknown): MicroDBErrorCode {
  return errorOf(run).code;
}

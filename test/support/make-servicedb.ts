import { Catalogue } from '../../core/catalogue.js';
import type { Clock } from '../../core/clock.js';
import { DocumentShelf } from '../../core/document-shelf.js';
import { createGuard } from '../../core/guard.js';
import { createHooks, type Hooks } from '../../core/hooks.js';
import { type Logger, silentLogger } from '../../core/logger.js';
import { MemoryStore } from '../../core/memory-store.js';
import { MicroDB } from '../../core/microdb/index.js';
import { ServiceDB, type ServiceDBOptions } from '../../core/servicedb/servicedb.js';
import type { FeedCommit, Store } from '../../core/store.js';
import { FakeClock } from './fake-clock.js';

/** The defaults of the configuration. */
const OPTIONS: ServiceDBOptions = {
  forgetAfterMs: 3_600_000,
  massSilenceShare: 0.5,
  massSilenceWindowMs: 30_000,
  massSilenceMaxMs: 3_600_000,
  maxInstances: 2_000_000,
};

/** A ServiceDB that is open, with all that it stands on. */
export interface Made<C extends Clock = FakeClock> {
  readonly services: ServiceDB;
  readonly catalogue: Catalogue;
  readonly hooks: Hooks;
  readonly db: MicroDB;
  readonly store: Store;
  readonly clock: C;
  /** Every commit that has passed the feed, in the order of hook `committed`. */
  readonly commits: readonly FeedCommit[];
}

/** Makes a ServiceDB as the registry does; on a memory store and a clock that stands still, unless told otherwise. */
export async function makeServiceDB<C extends Clock = FakeClock>(
  given: {
    clock?: C;
    store?: Store;
    logger?: Logger;
    options?: Partial<ServiceDBOptions>;
    /** False: `commits` stays empty, so that a million of them are not what is measured. */
    keepsCommits?: boolean;
  } = {},
): Promise<Made<C>> {
  const clock = given.clock ?? (new FakeClock() as Clock as C);
  const store = given.store ?? new MemoryStore(clock);
  const logger = given.logger ?? silentLogger;
  const hooks = createHooks(createGuard(clock, logger));
  const db = new MicroDB({ onWatcherError: () => {} });
  const commits: FeedCommit[] = [];
  const catalogue = new Catalogue({
    store,
    db,
    clock,
    onCommitted: (commit) => void (given.keepsCommits !== false && commits.push(commit)),
    makeShelf: (collection) => new DocumentShelf(db, collection),
  });
  const options = { ...OPTIONS, ...given.options };
  const services = new ServiceDB({ db, catalogue, store, hooks, clock, logger, options });
  await catalogue.open();
  services.opened();
  return { services, catalogue, hooks, db, store, clock, commits };
}

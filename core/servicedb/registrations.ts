import { type Awaitable, isPromise } from '../awaitable.js';
import type { Catalogue, Draft } from '../catalogue.js';
import type { Clock } from '../clock.js';
import { RegistryError } from '../errors.js';
import type { Hooks } from '../hooks.js';
import type { By, Store } from '../store.js';
import type { Drafts } from './drafts.js';
import type { Expiry } from './expiry.js';
import { IdBlock } from './id-block.js';
import type { ServiceDBOptions } from './options.js';
import { instanceKey, mergeRecord, type Opinion, type ServiceRecord } from './record.js';
import { saysTheSame, toRegistration } from './registration.js';
import { parseAmendedRequest, type RegisterRequest } from './request.js';
import type { ServiceShelf } from './service-shelf.js';
import { SUPERVISOR, type Supervised } from './supervised.js';

/** What is said of a registration beside the request. */
export interface RegisterOptions {
  readonly by?: By;
  /** Who registers; the door that the request came through, unless it is said. */
  readonly owner?: string;
  readonly managed?: Opinion;
}

/** What registrations stand on. */
export interface RegistrationParts {
  readonly catalogue: Catalogue;
  readonly shelf: ServiceShelf;
  readonly drafts: Drafts;
  readonly expiry: Expiry;
  readonly supervised: Supervised;
  readonly store: Pick<Store, 'reserveIds'>;
  readonly hooks: Hooks;
  readonly clock: Clock;
  readonly options: Pick<ServiceDBOptions, 'maxInstances'>;
  /** The instance has spoken, which takes back what its silence had said. */
  isAlive(key: string, by: By): void;
}

/** Makes instances, and renews them: from a request that is within its limits to the record that is answered. */
export class Registrations {
  readonly #parts: RegistrationParts;
  readonly #ids: IdBlock;

  constructor(parts: RegistrationParts) {
    this.#parts = parts;
    this.#ids = new IdBlock(parts.store);
  }

  /** What policy plugins make of the request is checked again. */
  register(request: RegisterRequest, by: By, options: RegisterOptions): Awaitable<ServiceRecord> {
    const { register } = this.#parts.hooks;
    if (!register.isTapped) return this.#write(request, by, options);
    return register
      .promise(request)
      .then((amended) => this.#write(parseAmendedRequest(amended, request), by, options));
  }

  #write(asked: RegisterRequest, by: By, options: RegisterOptions): Awaitable<ServiceRecord> {
    const { catalogue, shelf, drafts, expiry, hooks, clock, supervised } = this.#parts;
    const { owner: asker = by.door, managed } = options;
    const meant = asker === SUPERVISOR ? undefined : supervised.meant(asked);
    const { name } = asked;
    const instance = meant ?? asked.instance ?? `${asked.host}:${asked.port}`;
    const { home } = catalogue.state;
    const key = instanceKey(name, instance);
    if (drafts.registration(key) === undefined) {
      const isReady = this.#ids.ready();
      if (isPromise(isReady)) return isReady.then(() => this.#write(asked, by, options));
    }
    let id: number | undefined;
    return catalogue.write(
      () => {
        const current = drafts.registration(key);
        const isOwnWord = current?.owner === SUPERVISOR && asker !== SUPERVISOR;
        const owner = isOwnWord ? SUPERVISOR : asker;
        const request = isOwnWord ? supervised.merge(asked, current) : asked;
        const isNews = current === undefined || !saysTheSame(current, request, owner, home);
        let registration = current;
        const changes: Draft[] = [];
        if (registration === undefined || isNews) {
          if (current === undefined) id ??= this.#newId();
          const now = clock.now();
          registration = toRegistration(request, instance, {
            id: current?.id ?? id ?? 0,
            owner,
            home,
            registeredAt: current?.registeredAt ?? now,
            updatedAt: now,
          });
          changes.push(drafts.put(key, registration));
        }
        if (current?.ttlMs !== undefined) expiry.renew(key, current.ttlMs);
        if (managed !== undefined) changes.push(...drafts.opinion(key, 'managed', managed));
        const answer = () => {
          this.#parts.isAlive(key, by);
          const record = shelf.record(key);
          if (record?.voices?.check !== undefined) hooks.renewed.call(record);
          // Removed again by the time its caller is answered, it is shown as it was registered.
          return record ?? mergeRecord(registration, 0, undefined, catalogue.revision);
        };
        return { changes, answer };
      },
      by,
      'durable',
    );
  }

  #newId(): number {
    const { maxInstances } = this.#parts.options;
    if (this.#parts.drafts.hasRoom(maxInstances)) return this.#ids.take();
    throw new RegistryError(
      'LIMIT_REACHED',
      `${maxInstances} instances are registered, which is the limit; raise services.maxInstances, or unregister some.`,
    );
  }
}

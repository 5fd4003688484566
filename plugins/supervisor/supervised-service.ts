import type { SpawnedInstance, Spawner } from '../../core/index.js';
import type { ServiceOptions } from './options.js';
import { Place, type PlaceOwner, type ProcessLine } from './place.js';
import type { ProcessDocument, SupervisorContext } from './process-document.js';

/** One service of the configuration: how many instances of it are wanted, and a place for each. */
export class SupervisedService implements PlaceOwner {
  readonly name: string;
  readonly options: ServiceOptions;
  readonly spawner: Spawner;
  readonly #places: Place[] = [];
  readonly #dependencies: SupervisedService[] = [];
  readonly #dependents: SupervisedService[] = [];
  /** Of those who wait for one to run. */
  readonly #explainers = new Set<(why: string) => void>();
  #shutting: Promise<void> | undefined;
  readonly #waiters = new Set<() => void>();

  constructor(name: string, options: ServiceOptions, spawner: Spawner, context: SupervisorContext) {
    this.name = name;
    this.options = options;
    this.spawner = spawner;
    for (let index = 0; index < options.instances.max; index++)
      this.#places.push(new Place(index, this, context));
  }

  /** Its instances are started when one of `other` runs, and stopped before those of `other`. */
  dependOn(other: SupervisedService): void {
    this.#dependencies.push(other);
    other.#dependents.push(this);
  }

  get waitsFor(): readonly string[] {
    return this.#dependencies.filter((one) => one.#running === 0).map(({ name }) => name);
  }

  /** Takes up one that an earlier registry started, in its former place where that is empty; false where all are full. */
  adopt(document: ProcessDocument, handle: SpawnedInstance): boolean {
    const former = this.#places[document.place];
    const place = former?.isEmpty ? former : this.#places.find(({ isEmpty }) => isEmpty);
    place?.adopt(document, handle);
    return place !== undefined;
  }

  /** Starts what is missing up to the least number wanted. Nothing is waited for. */
  reconcile(): void {
    const { min } = this.options.instances;
    let wanted = this.#places.filter(({ isWanted }) => isWanted).length;
    for (const place of this.#places) {
      if (!place.isWanted && wanted < min) {
        wanted += 1;
        place.want(true);
      } else {
        place.want();
      }
    }
    this.#needDependencies();
  }

  /**
   * Somebody wants an instance that can be called, and there is none: starts one more, unless one is on its way already.
   * Resolves to true once one runs; undefined where none will, or when the signal aborts. Why none does yet goes to
   * `explain`, again with each start that fails.
   */
  async demand(explain: (why: string) => void, signal: AbortSignal): Promise<true | undefined> {
    this.#explainers.add(explain);
    try {
      return await this.#demand(explain, signal);
    } finally {
      this.#explainers.delete(explain);
    }
  }

  /** A start of an instance failed, or it has died. */
  failed(why: string): void {
    for (const explain of this.#explainers) explain(why);
  }

  async #demand(explain: (why: string) => void, signal: AbortSignal): Promise<true | undefined> {
    const fatal = this.#places.find(({ state }) => state.process === 'FATAL');
    if (fatal !== undefined) {
      explain(`it was given up: ${fatal.state.reason}. \`rollcall restart ${this.name}\` starts it anew`);
      return undefined;
    }
    if (!this.#isUnderWay) {
      const place = this.#places.find(({ isWanted }) => !isWanted);
      if (place === undefined) return undefined;
      place.want(true);
      this.#needDependencies();
    }
    const before = this.#running;
    await this.#until(() => this.#running > before || !this.#isUnderWay, signal);
    return this.#running > before || undefined;
  }

  /** An instance was taken out of the registry by somebody else: it is stopped, and replaced where too few are left. */
  unregistered(instance: string): void {
    const place = this.#places.find((one) => one.isRunning(instance));
    if (place === undefined) return;
    place.want(false);
    this.reconcile();
  }

  changed(): void {
    for (const look of [...this.#waiters]) look();
    for (const dependent of this.#dependents) dependent.#dependencyChanged();
  }

  /** One after another, so that the others go on serving. */
  async restart(signal: AbortSignal): Promise<void> {
    for (const place of this.#places) {
      if (!place.isWanted || signal.aborted) continue;
      await place.restart();
      await this.#until(() => place.state.process !== 'STARTING', signal);
    }
  }

  /** Those that depend on it are stopped before. */
  shut(): Promise<void> {
    this.#shutting ??= this.#shut();
    return this.#shutting;
  }

  async leave(): Promise<void> {
    await Promise.all(this.#places.map((place) => place.leave()));
  }

  /** What is in its places; of a service that nobody asked for yet, the first one. */
  lines(): ProcessLine[] {
    return this.#places.filter((place) => place.index === 0 || !place.isEmpty).map((place) => place.line());
  }

  async #shut(): Promise<void> {
    await Promise.all(this.#dependents.map((dependent) => dependent.shut()));
    await Promise.all(this.#places.map((place) => place.shut()));
  }

  #dependencyChanged(): void {
    for (const place of this.#places) place.want();
    this.#needDependencies();
  }

  /** Has those run that it waits for, also where they are to run only when somebody asks. */
  #needDependencies(): void {
    if (!this.#places.some(({ isHeldUp }) => isHeldUp)) return;
    for (const dependency of this.#dependencies) dependency.#need();
  }

  #need(): void {
    if (this.#places.some(({ isWanted }) => isWanted)) return;
    this.#places[0]?.want(true);
    this.#needDependencies();
  }

  /** Waits for a change of the places that makes it true, or for the signal. */
  #until(isTrue: () => boolean, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (!isTrue() && !signal.aborted) return;
        this.#waiters.delete(look);
        signal.removeEventListener('abort', look);
        resolve();
      };
      this.#waiters.add(look);
      signal.addEventListener('abort', look);
      look();
    });
  }

  get #running(): number {
    return this.#places.filter(({ state }) => state.process === 'RUNNING').length;
  }

  /** Whether one is wanted that does not run yet and has not been given up. */
  get #isUnderWay(): boolean {
    return this.#places.some(
      ({ isWanted, state }) => isWanted && state.process !== 'RUNNING' && state.process !== 'FATAL',
    );
  }
}

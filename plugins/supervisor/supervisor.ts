import { messageOf, RegistryError, type SpawnedInstance } from '../../core/index.js';
import { Instance } from './instance.js';
import { type SupervisorOptions, serviceSchema } from './options.js';
import type { ProcessLine } from './place.js';
import type { ProcessDocument, SupervisorContext } from './process-document.js';
import { SupervisedService } from './supervised-service.js';
import { checkAgainstPlugins } from './validate.js';

/** How long a spawner may take to say whether a process still runs. */
const ADOPT_MS = 10_000;

/** All services of the configuration, over the registry's life: what runs is brought to what is wanted. */
export class Supervisor {
  readonly #context: SupervisorContext;
  readonly #options: SupervisorOptions;
  readonly #services = new Map<string, SupervisedService>();
  /** Adopted ones that nobody wants any more, until they have ended. */
  readonly #strays = new Set<Instance>();

  constructor(context: SupervisorContext, options: SupervisorOptions) {
    this.#context = context;
    this.#options = options;
  }

  /** Checks the specs against what the plugins offer (PLUGIN_OPTIONS), then takes up what an earlier registry left running. */
  async start(): Promise<void> {
    const { api, journal } = this.#context;
    for (const [name, options] of Object.entries(this.#options.services)) {
      const spawner = checkAgainstPlugins(name, options, api);
      this.#services.set(name, new SupervisedService(name, options, spawner, this.#context));
    }
    for (const service of this.#services.values()) {
      for (const name of service.options.dependsOn) {
        const other = this.#services.get(name);
        if (other !== undefined) service.dependOn(other);
      }
    }
    const documents = [...journal.entries()].map(([, document]) => document);
    const ours = documents.filter(({ home }) => home === api.services.home);
    // The elder ones keep their places: where there are too many, the newest go.
    ours.sort((a, b) => a.startedAt - b.startedAt);
    const found = await Promise.all(ours.map((document) => this.#find(document)));
    for (const { document, handle } of found) {
      if (handle !== undefined) this.#takeUp(document, handle);
    }
  }

  /** Doors are open: what is missing is started. Nothing is waited for. */
  reconcile(): void {
    for (const service of this.#services.values()) service.reconcile();
  }

  /** True once an instance of that service runs; undefined where it is not ours, or can't be started, and `explain` says why. */
  async demand(name: string, explain: (why: string) => void, signal: AbortSignal): Promise<true | undefined> {
    return this.#services.get(name)?.demand(explain, signal);
  }

  /** Somebody took an instance out of the registry: where it runs here, that asks to stop it. */
  unregistered(name: string, instance: string): void {
    this.#services.get(name)?.unregistered(instance);
  }

  /** Stops everything at once, as gently as each spec says. */
  async shut(): Promise<void> {
    const services = [...this.#services.values()].map((service) => service.shut());
    const strays = [...this.#strays].map((stray) => stray.stop());
    await Promise.all([...services, ...strays]);
  }

  /** Leaves everything running, for the next registry to adopt. */
  async leave(): Promise<void> {
    const services = [...this.#services.values()].map((service) => service.leave());
    const strays = [...this.#strays].map((stray) => stray.leave());
    await Promise.all([...services, ...strays]);
  }

  ps(): ProcessLine[] {
    return [...this.#services.values()].flatMap((service) => service.lines());
  }

  /** Restarts every instance of a service, and forgives one that was given up. Rejects with NOT_FOUND. */
  async restart(name: string, signal: AbortSignal): Promise<ProcessLine[]> {
    const service = this.#services.get(name);
    if (service === undefined) {
      const known = [...this.#services.keys()].join(', ') || 'none';
      throw new RegistryError(
        'NOT_FOUND',
        `No service "${name}" is supervised here. Those that are: ${known}.`,
      );
    }
    await service.restart(signal);
    return service.lines();
  }

  /** Whether the process of a journal entry still runs. Of one that does not, nothing is kept. */
  async #find(
    document: ProcessDocument,
  ): Promise<{ document: ProcessDocument; handle: SpawnedInstance | undefined }> {
    const { api, journal } = this.#context;
    const { service, instance } = document;
    try {
      const handle = await this.#adopt(document);
      if (handle === undefined) {
        await api.services.unregister(service, { instance });
        await journal.remove(instance);
      }
      return { document, handle };
    } catch (error) {
      // It may run: it keeps its record and its entry, for a later boot.
      const text = `It is not known whether ${instance} still runs: ${messageOf(error)}`;
      api.logger.error({ instance, err: error }, text);
      return { document, handle: undefined };
    }
  }

  /** By its ref; where the registry died between the start and the note of it, by its name. */
  async #adopt(document: ProcessDocument): Promise<SpawnedInstance | undefined> {
    const { spawner: kind, ref, state } = document;
    if (ref === null && state !== 'STARTING') return undefined;
    const { api } = this.#context;
    const spawner = api.spawners.get(kind);
    if (spawner === undefined) throw new Error(`no plugin offers its spawner "${kind}" any more`);
    return new Promise((resolve, reject) => {
      const late = () => reject(new Error(`spawner "${kind}" did not answer within ${ADOPT_MS} ms`));
      const timer = api.clock.setTimer(ADOPT_MS, late);
      const found =
        ref === null ? (spawner.find?.(document) ?? Promise.resolve(undefined)) : spawner.adopt(ref);
      found.then(resolve, reject).finally(() => timer.cancel());
    });
  }

  #takeUp(document: ProcessDocument, handle: SpawnedInstance): void {
    const { api } = this.#context;
    const { service, instance, pid } = document;
    const isStopping = document.state === 'STOPPING';
    if (!isStopping && this.#services.get(service)?.adopt(document, handle)) {
      api.logger.info({ service, instance, pid }, `Adopted ${instance}.`);
      return;
    }
    const why = isStopping ? 'it was being stopped' : 'the configuration does not ask for it any more';
    api.logger.info({ service, instance, pid }, `Found ${instance}, and stops it: ${why}.`);
    const spawner = api.spawners.get(document.spawner);
    if (spawner === undefined) return;
    const stray = new Instance(this.#context, {
      document,
      options: this.#services.get(service)?.options ?? serviceSchema.parse({}),
      spawner,
      listener: { ready: () => {}, ended: ({ reason }) => ({ process: 'EXITED', reason }) },
    });
    this.#strays.add(stray);
    stray.adopt(handle);
    stray.stop().finally(() => this.#strays.delete(stray));
  }
}

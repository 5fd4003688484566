import type { ThisMachine } from '../this-machine.js';
import type { Registration, ServiceRecord } from './record.js';
import type { RegisterRequest } from './request.js';

/** Who owns the records of what the supervisor runs. */
export const SUPERVISOR = 'supervisor';

/**
 * Which instances the supervisor runs at which port, so that a program that registers itself, as it would anywhere, is
 * one record with what was registered for it, and not a second one.
 */
export class Supervised {
  readonly #machine: ThisMachine;
  /** By service, then by port. */
  readonly #instances = new Map<string, Map<number, string>>();

  constructor(machine: ThisMachine) {
    this.#machine = machine;
  }

  /** A record was put, or is gone. */
  follow(record: ServiceRecord | undefined, previous: ServiceRecord | undefined): void {
    const [now, before] = [record, previous].map((one) => (one?.owner === SUPERVISOR ? one : undefined));
    if (now?.port === before?.port && now?.name === before?.name) return;
    if (before !== undefined) this.#drop(before);
    if (now === undefined) return;
    const ports = this.#instances.get(now.name) ?? new Map<number, string>();
    this.#instances.set(now.name, ports.set(now.port, now.instance));
  }

  /** The supervised instance that a program of this machine means by its own address; undefined where there is none. */
  meant({ name, host, port }: Pick<RegisterRequest, 'name' | 'host' | 'port'>): string | undefined {
    const instance = this.#instances.get(name)?.get(Number(port));
    return instance !== undefined && this.#machine.has(host.toLowerCase()) ? instance : undefined;
  }

  /** What a program's own registration makes of the supervised instance: what it does not say stays as it is. */
  merge(request: RegisterRequest, current: Registration): RegisterRequest {
    const { instance, host, port, tags, meta, checks, version, zone, ttlMs } = current;
    const isHere = request.port === port && this.#machine.has(request.host.toLowerCase());
    const asked = { host: request.host, port: request.port };
    const given = request.given ?? (isHere && request.host !== host ? asked : undefined);
    return {
      ...(version !== undefined && { version }),
      ...(zone !== undefined && { zone }),
      ...(ttlMs !== undefined && { ttlMs }),
      ...request,
      instance,
      ...(isHere && { host, port }),
      ...(given !== undefined && { given }),
      weight: request.weight === 1 ? current.weight : request.weight,
      tags: request.tags.length === 0 ? [...tags] : request.tags,
      meta: Object.keys(request.meta).length === 0 ? { ...meta } : request.meta,
      checks: request.checks.length === 0 ? [...checks] : request.checks,
    };
  }

  #drop({ name, port, instance }: ServiceRecord): void {
    const ports = this.#instances.get(name);
    if (ports?.get(port) !== instance) return;
    ports.delete(port);
    if (ports.size === 0) this.#instances.delete(name);
  }
}

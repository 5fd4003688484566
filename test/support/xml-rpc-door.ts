import type { CheckReporter, Clock, DoorRequest, Operation, Store } from '../../core/index.js';
import { type Logger, type PluginApi, silentLogger } from '../../core/index.js';
import { XmlRpcDoor } from '../../plugins/transports/xml-rpc/door.js';
import { readMethodResponse } from '../../plugins/transports/xml-rpc/reader.js';
import type { XmlRpcValue } from '../../plugins/transports/xml-rpc/values.js';
import { writeCall } from '../../plugins/transports/xml-rpc/writer.js';
import { FakeClock } from './fake-clock.js';
import { type Made, makeServiceDB } from './make-servicedb.js';

/** A door without HTTP, on a registry in memory. */
export interface MadeDoor extends Made {
  readonly door: XmlRpcDoor;
  /** Sends a call as XML and reads the answer; a fault is thrown. */
  call(method: string, ...params: XmlRpcValue[]): Promise<XmlRpcValue>;
  /** The answer to a message, as it goes over the wire. */
  answerTo(body: string): Promise<string>;
}

/** Time that passes while it is looked at: so much each time. */
export class PassingClock extends FakeClock {
  readonly #stepMs: number;

  constructor(stepMs: number) {
    super();
    this.#stepMs = stepMs;
  }

  override monotonic(): number {
    this.advance(this.#stepMs);
    return super.monotonic();
  }
}

export async function makeXmlRpcDoor(
  given: {
    maxAnswer?: number;
    clock?: Clock;
    store?: Store;
    operations?: readonly Operation[];
    checkReports?: CheckReporter;
    logger?: Logger;
    signal?: AbortSignal;
  } = {},
): Promise<MadeDoor> {
  const made = await makeServiceDB(given.store === undefined ? {} : { store: given.store });
  const api = {
    services: made.services,
    operations: new Map((given.operations ?? []).map((operation) => [operation.name, operation])),
    clock: given.clock ?? made.clock,
    logger: given.logger ?? silentLogger,
    fire: made.hooks,
    checkReports: given.checkReports ?? (() => []),
  } as unknown as PluginApi;
  const door = new XmlRpcDoor(api, given.maxAnswer === undefined ? {} : { maxAnswer: given.maxAnswer });
  const signal = given.signal ?? new AbortController().signal;
  const answerTo = (body: string) =>
    new Promise<string>((resolve) => {
      const request = { body: Buffer.from(body), remote: '127.0.0.1', authorization: undefined, signal };
      door.handle(request as unknown as DoorRequest, (_status, _type, answer) => resolve(String(answer)));
    });
  const call = async (method: string, ...params: XmlRpcValue[]) =>
    readMethodResponse(await answerTo(writeCall(method, params)));
  return { ...made, door, answerTo, call };
}

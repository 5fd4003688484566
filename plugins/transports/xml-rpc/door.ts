import {
  type AccessRequest,
  type Awaitable,
  type By,
  type DoorReply,
  type DoorRequest,
  isPromise,
  type Operation,
  type PluginApi,
  parseArgument,
  RegistryError,
} from '../../../core/index.js';
import { FAULT_CODES, faultOf, XmlRpcFault } from './faults.js';
import { besideUnlessRead, type Caller, checkParams, type Method } from './method.js';
import { answerLimits } from './methods/answers.js';
import { createMethods } from './methods/create-methods.js';
import type { MethodTable } from './methods/introspection.js';
import { withoutNulls } from './methods/without-nulls.js';
import { readMethodCall } from './reader.js';
import { quoted } from './reader-quoted.js';
import { Turns } from './turns.js';
import { type Answer, PreparedAnswer, type XmlRpcValue } from './values.js';
import { MAX_ANSWER, preparedResponse, type WriterLimits, writeFault, writeResponse } from './writer.js';

/** The encoding is said once more, for clients that read a text without as Latin-1 (Dart's xml_rpc). */
const XML = 'text/xml; charset=utf-8';

/** Answers XML-RPC calls: reads one, runs it, writes its answer. Whatever is wrong with a call, the answer is a fault. */
export class XmlRpcDoor implements MethodTable {
  readonly #api: PluginApi;
  readonly #limits: WriterLimits;
  readonly #methods = new Map<string, Method>();
  /** The methods of operations, which plugins may contribute until every setup is done. */
  readonly #contributed = new Map<Operation, Method>();

  constructor(api: PluginApi, { maxAnswer = MAX_ANSWER }: { maxAnswer?: number } = {}) {
    this.#api = api;
    this.#limits = answerLimits(maxAnswer);
    const { services, clock, checkReports } = api;
    const context = {
      services,
      clock,
      checkReports,
      turns: new Turns(clock),
      maxAnswer,
      held: { length: 0 },
    };
    for (const method of createMethods(context, this)) this.#methods.set(method.name, method);
  }

  names(): readonly string[] {
    return [...new Set([...this.#methods.keys(), ...this.#api.operations.keys()])].sort();
  }

  method(name: string): Method {
    const method = this.#methods.get(name);
    if (method !== undefined) return method;
    const operation = this.#api.operations.get(name);
    if (operation === undefined) {
      throw new XmlRpcFault(
        FAULT_CODES.METHOD_NOT_FOUND,
        `there is no method ${quoted(name)}; system.listMethods lists them`,
      );
    }
    let contributed = this.#contributed.get(operation);
    if (contributed === undefined) {
      contributed = methodOf(operation);
      this.#contributed.set(operation, contributed);
    }
    return contributed;
  }

  admit(method: Method, params: readonly XmlRpcValue[], caller: Caller): Awaitable<Caller> {
    checkParams(method, params);
    return this.#api.fire.authorize.isTapped ? this.#authorized(method, params, caller) : caller;
  }

  /** One request of the HTTP door. Stays synchronous as long as nothing has to be waited for. */
  handle(request: DoorRequest, reply: DoorReply): void {
    const began = this.#api.fire.answered.isTapped ? this.#api.clock.monotonic() : undefined;
    let method = '';
    const fail = (error: unknown) => this.#fail(error, method, began, reply);
    try {
      const call = readMethodCall(request.body);
      method = call.method;
      const answer = this.#call(this.method(method), call.params, new HttpCaller(request, request.remote));
      if (isPromise(answer)) answer.then((value) => this.#answer(value, method, began, reply)).catch(fail);
      else this.#answer(answer, method, began, reply);
    } catch (error) {
      fail(error);
    }
  }

  fault(error: unknown, method: string): { code: number; message: string } {
    if (!(error instanceof XmlRpcFault) && !(error instanceof RegistryError)) {
      this.#api.logger.error({ method, err: error }, `The call of "${method}" failed within the registry.`);
    }
    return faultOf(error);
  }

  #call(method: Method, params: readonly XmlRpcValue[], caller: Caller): Awaitable<Answer> {
    const admitted = this.admit(method, params, caller);
    return isPromise(admitted)
      ? admitted.then((caller) => method.run(params, caller))
      : method.run(params, admitted);
  }

  #answer(value: Answer, method: string, began: number | undefined, reply: DoorReply): void {
    const isPrepared = value instanceof PreparedAnswer;
    reply(200, XML, isPrepared ? preparedResponse(value) : writeResponse(value, this.#limits));
    if (began !== undefined) this.#tell(method, undefined, began);
  }

  #fail(error: unknown, method: string, began: number | undefined, reply: DoorReply): void {
    const { code, message } = this.fault(error, method);
    reply(200, XML, writeFault(code, message));
    if (began !== undefined) this.#tell(method, code, began);
  }

  #tell(method: string, fault: number | undefined, began: number): void {
    const durationMs = this.#api.clock.monotonic() - began;
    this.#api.fire.answered.call({ door: 'xml-rpc', method, fault, durationMs });
  }

  async #authorized(method: Method, params: readonly XmlRpcValue[], caller: Caller): Promise<Caller> {
    const { remote, authorization } = caller;
    const named = params[method.parameters.findIndex(({ name }) => name === 'name')];
    const service = typeof named === 'string' ? named : undefined;
    const access: AccessRequest = {
      door: 'xml-rpc',
      verb: method.verb,
      service,
      method: method.name,
      remote,
      authorization,
    };
    const answer = await this.#api.fire.authorize.promise(access);
    if (answer?.allow !== true) {
      throw new RegistryError(
        'UNAUTHORIZED',
        answer?.reason ?? `Nothing allows ${method.name} to this caller.`,
      );
    }
    return caller.as(answer.who);
  }
}

/** The caller of one request. A class, since an object literal with a getter costs a microsecond each time. */
class HttpCaller implements Caller {
  readonly #request: DoorRequest;
  readonly by: By;

  constructor(request: DoorRequest, who: string) {
    this.#request = request;
    this.by = { who, door: 'xml-rpc' };
  }

  as(who: string): Caller {
    return new HttpCaller(this.#request, who);
  }

  get signal(): AbortSignal {
    return this.#request.signal;
  }

  onGone(tell: (reason: Error) => void): void {
    this.#request.onGone(tell);
  }

  get remote(): string {
    return this.#request.remote;
  }

  get authorization(): string | undefined {
    return this.#request.authorization;
  }
}

/** An operation, whose parameters have names, as a method, whose parameters have positions. */
function methodOf(operation: Operation): Method {
  const names = Object.keys(operation.params.shape);
  return {
    name: operation.name,
    help: operation.summary,
    parameters: names.map((name) => ({
      name,
      types: ['undef'],
      isOptional: operation.params.shape[name]?.safeParse(undefined).success === true,
    })),
    returns: ['undef'],
    verb: operation.verb,
    inMulticall: besideUnlessRead(operation.verb),
    async run(params, { by, signal }) {
      const named = Object.fromEntries(params.map((value, index) => [names[index], value]));
      const result = await operation.run(parseArgument(operation.params, named), { by, signal });
      return withoutNulls(result ?? null);
    },
  };
}

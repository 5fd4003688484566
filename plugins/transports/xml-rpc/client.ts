import xmlrpc from 'xmlrpc';
import { type Clock, messageOf, RegistryError } from '../../../core/index.js';
import { XmlRpcFault } from './faults.js';
import type { XmlRpcValue } from './values.js';

/** Calls a registry over XML-RPC, with the stock npm client. */
export interface RegistryCaller {
  /** Rejects with XmlRpcFault for a fault, UNREACHABLE where no answer came. */
  call(method: string, ...params: XmlRpcValue[]): Promise<unknown>;
}

/** A caller of the registry at `url`, such as `http://127.0.0.1:8800`. */
export function createCaller(url: string, options: { clock: Clock; timeoutMs?: number }): RegistryCaller {
  const { clock, timeoutMs = 10_000 } = options;
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed === undefined || !/^https?:$/.test(parsed.protocol)) {
    throw new RegistryError(
      'INVALID_ARGUMENT',
      `"${url}" is no address of a registry; expected one such as http://127.0.0.1:8800.`,
    );
  }
  const create = parsed.protocol === 'https:' ? xmlrpc.createSecureClient : xmlrpc.createClient;
  const { username: user, password: pass } = parsed;
  const client = create({
    host: parsed.hostname.replace(/^\[|\]$/g, ''),
    port: Number(parsed.port || (parsed.protocol === 'https:' ? 443 : 80)),
    path: parsed.pathname,
    ...(user !== '' && { basic_auth: { user: decodeURIComponent(user), pass: decodeURIComponent(pass) } }),
  });
  return {
    call: (method, ...params) =>
      new Promise((resolve, reject) => {
        const timer = clock.setTimer(timeoutMs, () =>
          reject(
            new RegistryError('UNREACHABLE', `The registry at ${url} did not answer within ${timeoutMs} ms.`),
          ),
        );
        client.methodCall(method, params, (error: unknown, value: unknown) => {
          timer.cancel();
          if (error === null || error === undefined) resolve(value);
          else reject(clientError(error, url));
        });
      }),
  };
}

function clientError(error: unknown, url: string): Error {
  const { faultCode, faultString, code } = error as {
    faultCode?: unknown;
    faultString?: unknown;
    code?: unknown;
  };
  if (typeof faultCode === 'number') return new XmlRpcFault(faultCode, String(faultString));
  const hint =
    code === 'ECONNREFUSED'
      ? 'nothing listens there. Start one with `rollcall start`, or name another with --url'
      : messageOf(error);
  return new RegistryError('UNREACHABLE', `The registry at ${url} did not answer: ${hint}.`, {
    cause: error,
  });
}

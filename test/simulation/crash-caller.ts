import { readMethodResponse } from '../../plugins/transports/xml-rpc/reader.js';
import type { XmlRpcValue } from '../../plugins/transports/xml-rpc/values.js';
import { writeCall } from '../../plugins/transports/xml-rpc/writer.js';
import { RawConnection } from '../support/raw-http.js';
import { within } from './crash-registry.js';

const CALL_TIMEOUT_MS = 15_000;

/** One keep-alive connection that makes one call after the other. */
export class CrashCaller {
  readonly #connection: RawConnection;

  private constructor(connection: RawConnection) {
    this.#connection = connection;
  }

  /** Undefined where nothing listens any more. */
  static async open(port: number): Promise<CrashCaller | undefined> {
    try {
      return new CrashCaller(await RawConnection.open(port));
    } catch {
      return undefined;
    }
  }

  /** What is answered; undefined where the connection ends first. A fault is thrown. */
  async call(method: string, params: readonly XmlRpcValue[]): Promise<XmlRpcValue | undefined> {
    const body = writeCall(method, params);
    const answer = await within<string | undefined>(
      CALL_TIMEOUT_MS,
      `answer ${method}`,
      () => '',
      (resolve, reject) => {
        this.#connection
          .post('/RPC2', body, 'Content-Type: text/xml\r\n')
          .answer()
          .then(
            ({ status, body }) =>
              status === 200 ? resolve(body) : reject(new Error(`HTTP ${status}: ${body}`)),
            () => resolve(undefined),
          );
      },
    );
    return answer === undefined ? undefined : readMethodResponse(Buffer.from(answer, 'latin1'));
  }

  close(): void {
    this.#connection.close();
  }
}

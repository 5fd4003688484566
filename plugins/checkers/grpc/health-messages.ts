/** The one method that is called, of grpc.health.v1 (https://github.com/grpc/grpc/blob/master/doc/health-checking.md). */
export const CHECK_METHOD = '/grpc.health.v1.Health/Check';

/** HealthCheckResponse.ServingStatus, by its number. */
export const SERVING_STATUSES = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'] as const;

/** Fields of Protocol Buffers: number and wire type in one (https://protobuf.dev/programming-guides/encoding). */
const SERVICE_FIELD = (1 << 3) | 2;
const STATUS_FIELD = (1 << 3) | 0;
const WIRE_TYPES = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

/** `message HealthCheckRequest { string service = 1; }` */
export function encodeRequest(service: string): Buffer {
  if (service === '') return Buffer.alloc(0);
  const name = Buffer.from(service);
  return Buffer.concat([Buffer.from([SERVICE_FIELD, ...varint(name.length)]), name]);
}

/**
 * `message HealthCheckResponse { ServingStatus status = 1; }`: the number of the status, 0 where none is said. Other
 * fields are passed over. Throws on bytes that are no such message.
 */
export function decodeResponse(bytes: Uint8Array): number {
  let at = 0;
  let status = 0;
  const readVarint = (): number => {
    let value = 0;
    // What is beyond 2^53 loses digits; nothing here is meant to be that large.
    for (let factor = 1; factor <= 2 ** 63; factor *= 128) {
      const byte = bytes[at++];
      if (byte === undefined) break;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
    throw new Error('a health answer with a broken number');
  };
  while (at < bytes.length) {
    const field = readVarint();
    if (field === STATUS_FIELD) {
      status = readVarint();
      continue;
    }
    switch (field % 8) {
      case WIRE_TYPES.varint:
        readVarint();
        break;
      case WIRE_TYPES.fixed64:
        at += 8;
        break;
      case WIRE_TYPES.bytes:
        at = readVarint() + at;
        break;
      case WIRE_TYPES.fixed32:
        at += 4;
        break;
      default:
        throw new Error('a health answer with a field of an unknown sort');
    }
    if (at > bytes.length) throw new Error('a health answer that ends too soon');
  }
  return status;
}

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)];
}

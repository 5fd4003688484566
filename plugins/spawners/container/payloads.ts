/** The header of a frame: which stream (0 to 2), three zeros, and the payload's length. */
const HEADER = 8;

/**
 * What a container printed, without the frames in which engines send it
 * (https://docs.docker.com/reference/api/engine, "Stream format"). Nothing is gathered: a frame may say any length. What
 * has no frames, as a terminal's output, is passed on as it is.
 */
export async function* payloads(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let header = Buffer.alloc(0);
  let left = 0;
  let isFramed = true;
  for await (const chunk of chunks) {
    let at = 0;
    while (isFramed && at < chunk.length) {
      if (left > 0) {
        const payload = chunk.subarray(at, at + left);
        at += payload.length;
        left -= payload.length;
        yield payload;
        continue;
      }
      const part = chunk.subarray(at, at + HEADER - header.length);
      at += part.length;
      header = Buffer.concat([header, part]);
      isFramed = isHeader(header);
      if (!isFramed) yield header;
      else if (header.length === HEADER) {
        left = header.readUInt32BE(4);
        header = Buffer.alloc(0);
      }
    }
    if (at < chunk.length) yield chunk.subarray(at);
  }
}

function isHeader(bytes: Buffer): boolean {
  return bytes.subarray(0, 4).every((byte, index) => (index === 0 ? byte <= 2 : byte === 0));
}

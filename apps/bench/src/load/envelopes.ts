/**
 * A message of gRPC, gRPC-Web or Connect streaming travels in an envelope: a byte of
 * flags, four of length, the payload. The flags tell messages from what ends a stream:
 * 0x02 in Connect, 0x80 (trailers) in gRPC-Web.
 */
const prefixBytes = 5;
const endFlags = 0x82;

/** Puts a payload in an envelope. */
export function envelope(payload: Uint8Array): Buffer {
  const framed = Buffer.alloc(prefixBytes + payload.length);
  framed.writeUInt32BE(payload.length, 1);
  framed.set(payload, prefixBytes);
  return framed;
}

/**
 * Counts the messages of one stream without looking into them. Chunks may cut
 * envelopes anywhere.
 */
export class EnvelopeCounter {
  readonly #prefix = Buffer.alloc(prefixBytes);
  #prefixLength = 0;
  #missing = 0;
  #isMessage = false;

  /** Takes the stream's next bytes and returns how many messages they complete. */
  push(chunk: Buffer): number {
    const { length } = chunk;
    let at = 0;
    let count = 0;
    if (this.#missing > 0) {
      if (length < this.#missing) {
        this.#missing -= length;
        return 0;
      }
      at = this.#missing;
      this.#missing = 0;
      count = this.#isMessage ? 1 : 0;
    } else if (this.#prefixLength > 0) {
      const taken = Math.min(prefixBytes - this.#prefixLength, length);
      chunk.copy(this.#prefix, this.#prefixLength, 0, taken);
      this.#prefixLength += taken;
      if (this.#prefixLength < prefixBytes) {
        return 0;
      }
      this.#prefixLength = 0;
      const end = taken + this.#prefix.readUInt32BE(1);
      const isMessage = ((this.#prefix[0] as number) & endFlags) === 0;
      if (end > length) {
        this.#missing = end - length;
        this.#isMessage = isMessage;
        return 0;
      }
      at = end;
      count = isMessage ? 1 : 0;
    }
    while (length - at >= prefixBytes) {
      const isMessage = ((chunk[at] as number) & endFlags) === 0;
      const end = at + prefixBytes + chunk.readUInt32BE(at + 1);
      if (end > length) {
        this.#missing = end - length;
        this.#isMessage = isMessage;
        return count;
      }
      count += isMessage ? 1 : 0;
      at = end;
    }
    if (at < length) {
      chunk.copy(this.#prefix, 0, at, length);
      this.#prefixLength = length - at;
    }
    return count;
  }
}

/** Cuts the bytes of one stream into its messages' payloads. Slower than counting. */
export class EnvelopeSplitter {
  #kept: Buffer | undefined;

  /** Takes the stream's next bytes and calls back for each message that they complete. */
  push(chunk: Buffer, onPayload: (payload: Buffer) => void): void {
    const bytes = this.#kept ? Buffer.concat([this.#kept, chunk]) : chunk;
    let at = 0;
    while (bytes.length - at >= prefixBytes) {
      const end = at + prefixBytes + bytes.readUInt32BE(at + 1);
      if (end > bytes.length) {
        break;
      }
      if (((bytes[at] as number) & endFlags) === 0) {
        onPayload(bytes.subarray(at + prefixBytes, end));
      }
      at = end;
    }
    this.#kept = at < bytes.length ? bytes.subarray(at) : undefined;
  }
}

/** An enveloped message of gRPC-Web, or the trailers that end a stream. */
export interface Frame {
  readonly isTrailer: boolean;
  readonly payload: Buffer;
}

/** Frames an uncompressed message. */
export function frame(payload: Uint8Array): Buffer {
  const header = Buffer.alloc(5);
  header.writeUInt32BE(payload.length, 1);
  return Buffer.concat([header, payload]);
}

/** The frames in these bytes, as far as they are complete. */
export function parseFrames(bytes: Buffer): Frame[] {
  const frames: Frame[] = [];
  for (let start = 0; start + 5 <= bytes.length; ) {
    const end = start + 5 + bytes.readUInt32BE(start + 1);
    if (end > bytes.length) {
      break;
    }
    const isTrailer = (bytes.readUInt8(start) & 0x80) !== 0;
    frames.push({ isTrailer, payload: bytes.subarray(start + 5, end) });
    start = end;
  }
  return frames;
}

/** The headers in a frame with trailers. */
export function parseTrailer({ payload }: Frame): Record<string, string> {
  const lines = payload.toString("latin1").split("\r\n").filter(Boolean);
  return Object.fromEntries(
    lines.map((line) => {
      const [name = "", ...rest] = line.split(":");
      return [name.trim().toLowerCase(), rest.join(":").trim()];
    }),
  );
}

/** Decodes base64 with padding within, and leaves out what is not complete. */
export function decodeSegments(text: string): Buffer {
  const segments = text.match(/[^=]+=*/g) ?? [];
  return Buffer.concat(
    segments.map((segment) =>
      Buffer.from(segment.slice(0, segment.length - (segment.length % 4)), "base64"),
    ),
  );
}

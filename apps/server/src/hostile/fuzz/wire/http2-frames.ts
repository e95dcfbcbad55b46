/** Frame types of https://www.rfc-editor.org/rfc/rfc9113#section-6. */
export const frameType = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

/** Frame flags; their meaning depends on the frame's type. */
export const flag = { ack: 1, endStream: 1, endHeaders: 4, padded: 8, priority: 32 } as const;

/** Settings of https://www.rfc-editor.org/rfc/rfc9113#section-6.5.2. */
export const setting = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
  maxHeaderListSize: 6,
} as const;

/** A header field as it is sent: names in lower case, pseudo fields first. */
export type Field = readonly [name: string, value: string];

/** An HTTP/2 frame, whether it makes sense or not. */
export function http2Frame(
  type: number,
  flags: number,
  streamId: number,
  payload: Uint8Array = Buffer.alloc(0),
): Buffer {
  const header = Buffer.alloc(9);
  header.writeUIntBE(payload.length, 0, 3);
  header.writeUInt8(type, 3);
  header.writeUInt8(flags, 4);
  header.writeUInt32BE(streamId >>> 0, 5);
  return Buffer.concat([header, payload]);
}

/** Header fields as HPACK literals without indexing, which need no state. */
export function headerBlock(fields: readonly Field[]): Buffer {
  return Buffer.concat(
    fields.flatMap(([name, value]) => [Buffer.of(0), hpackString(name), hpackString(value)]),
  );
}

/** https://www.rfc-editor.org/rfc/rfc7541#section-5.2, without Huffman's code. */
function hpackString(text: string): Buffer {
  const bytes = Buffer.from(text, "latin1");
  if (bytes.length < 127) {
    return Buffer.concat([Buffer.of(bytes.length), bytes]);
  }
  const length = [127];
  let rest = bytes.length - 127;
  for (; rest >= 128; rest >>>= 7) {
    length.push((rest & 127) | 128);
  }
  return Buffer.concat([Buffer.from([...length, rest]), bytes]);
}

export function headersFrame(
  streamId: number,
  fields: readonly Field[],
  flags: number = flag.endHeaders,
): Buffer {
  return http2Frame(frameType.headers, flags, streamId, headerBlock(fields));
}

export function dataFrame(streamId: number, payload: Uint8Array, flags = 0): Buffer {
  return http2Frame(frameType.data, flags, streamId, payload);
}

/** A body as DATA frames of at most `maxBytes`, the last of which ends the stream if told so. */
export function dataFrames(
  streamId: number,
  body: Buffer,
  endsStream: boolean,
  maxBytes = 16_384,
): Buffer[] {
  const frames: Buffer[] = [];
  for (let start = 0; start === 0 || start < body.length; start += maxBytes) {
    const isLast = start + maxBytes >= body.length;
    const flags = isLast && endsStream ? flag.endStream : 0;
    frames.push(dataFrame(streamId, body.subarray(start, start + maxBytes), flags));
  }
  return frames;
}

export function resetFrame(streamId: number, code = 8): Buffer {
  return http2Frame(frameType.reset, 0, streamId, uint32(code));
}

export function settingsFrame(settings: readonly (readonly [number, number])[]): Buffer {
  const payload = Buffer.alloc(settings.length * 6);
  for (const [index, [id, value]] of settings.entries()) {
    payload.writeUInt16BE(id, index * 6);
    payload.writeUInt32BE(value >>> 0, index * 6 + 2);
  }
  return http2Frame(frameType.settings, 0, 0, payload);
}

export const settingsAck: Buffer = http2Frame(frameType.settings, flag.ack, 0);

export function goawayFrame(lastStreamId: number, code: number): Buffer {
  return http2Frame(frameType.goaway, 0, 0, Buffer.concat([uint32(lastStreamId), uint32(code)]));
}

export function windowUpdateFrame(streamId: number, increment: number): Buffer {
  return http2Frame(frameType.windowUpdate, 0, streamId, uint32(increment));
}

/** The connection preface with these settings. */
export function prefaceWith(settings: readonly (readonly [number, number])[] = []): Buffer {
  return Buffer.concat([Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), settingsFrame(settings)]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}

import { preface } from "./raw-http2.ts";

/** Error codes of https://www.rfc-editor.org/rfc/rfc9113#section-7. */
export const errorCode = {
  noError: 0,
  protocolError: 1,
  flowControlError: 3,
  cancel: 8,
  enhanceYourCalm: 11,
} as const;

/** Frame flags; their meaning depends on the frame's type. */
export const flag = { ack: 1, endStream: 1, endHeaders: 4 } as const;

/** An HTTP/2 frame, whether it makes sense or not. */
export function http2Frame(
  type: number,
  flags: number,
  streamId: number,
  payload: Uint8Array,
): Buffer {
  const header = Buffer.alloc(9);
  header.writeUIntBE(payload.length, 0, 3);
  header.writeUInt8(type, 3);
  header.writeUInt8(flags, 4);
  header.writeUInt32BE(streamId, 5);
  return Buffer.concat([header, payload]);
}

/** Header fields as HPACK literals, which need no state: each is sent as it is given. */
export function headerBlock(fields: readonly (readonly [name: string, value: string])[]): Buffer {
  return Buffer.concat(
    fields.flatMap(([name, value]) => [Buffer.of(0), hpackString(name), hpackString(value)]),
  );
}

function hpackString(text: string): Buffer {
  const bytes = Buffer.from(text, "latin1");
  const length: number[] = [];
  if (bytes.length < 127) {
    length.push(bytes.length);
  } else {
    length.push(127);
    let rest = bytes.length - 127;
    for (; rest >= 128; rest >>>= 7) {
      length.push((rest & 127) | 128);
    }
    length.push(rest);
  }
  return Buffer.concat([Buffer.from(length), bytes]);
}

/** The header fields of a call, more of them appended. */
export function callFields(
  path: string,
  contentType: string,
  more: readonly (readonly [string, string])[] = [],
): [string, string][] {
  return [
    [":method", "POST"],
    [":scheme", "http"],
    [":authority", "localhost"],
    [":path", path],
    ["content-type", contentType],
    ["te", "trailers"],
    ...more.map(([name, value]): [string, string] => [name, value]),
  ];
}

export function headersFrame(
  streamId: number,
  fields: readonly (readonly [string, string])[],
  flags: number = flag.endHeaders,
): Buffer {
  return http2Frame(1, flags, streamId, headerBlock(fields));
}

export function dataFrame(streamId: number, payload: Uint8Array, flags = 0): Buffer {
  return http2Frame(0, flags, streamId, payload);
}

export function resetFrame(streamId: number, code: number = errorCode.cancel): Buffer {
  return http2Frame(3, 0, streamId, uint32(code));
}

export function settingsFrame(settings: readonly (readonly [id: number, value: number])[]): Buffer {
  const payload = Buffer.alloc(settings.length * 6);
  for (const [index, [id, value]] of settings.entries()) {
    payload.writeUInt16BE(id, index * 6);
    payload.writeUInt32BE(value, index * 6 + 2);
  }
  return http2Frame(4, 0, 0, payload);
}

export function pingFrame(): Buffer {
  return http2Frame(6, 0, 0, Buffer.alloc(8));
}

export function windowUpdateFrame(streamId: number, increment: number): Buffer {
  return http2Frame(8, 0, streamId, uint32(increment));
}

export function continuationFrame(streamId: number, block: Uint8Array, flags = 0): Buffer {
  return http2Frame(9, flags, streamId, block);
}

/** The preface with these settings. */
export function prefaceWith(settings: readonly (readonly [id: number, value: number])[]): Buffer {
  return Buffer.concat([preface.subarray(0, 24), settingsFrame(settings)]);
}

/** A frame as it was received. */
export interface Http2Frame {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Buffer;
}

/** The frames in these bytes, as far as they are complete. */
export function parseHttp2Frames(bytes: Buffer): Http2Frame[] {
  const frames: Http2Frame[] = [];
  for (let start = 0; start + 9 <= bytes.length; ) {
    const end = start + 9 + bytes.readUIntBE(start, 3);
    if (end > bytes.length) {
      break;
    }
    frames.push({
      type: bytes.readUInt8(start + 3),
      flags: bytes.readUInt8(start + 4),
      streamId: bytes.readUInt32BE(start + 5) & 0x7fffffff,
      payload: bytes.subarray(start + 9, end),
    });
    start = end;
  }
  return frames;
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

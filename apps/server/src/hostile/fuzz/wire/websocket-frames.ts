/** Opcodes of https://www.rfc-editor.org/rfc/rfc6455#section-5.2. */
export const opcode = {
  continuation: 0,
  text: 1,
  binary: 2,
  close: 8,
  ping: 9,
  pong: 10,
} as const;

/** What is not as it should be of a WebSocket frame. */
export interface FrameFaults {
  /** Default true. */
  readonly isLast?: boolean;
  /** The bits that extensions would use. Default 0. */
  readonly reserved?: number;
  /** Default true: clients have to. */
  readonly isMasked?: boolean;
  /** In place of the payload's own length. */
  readonly length?: number;
}

/** The subprotocol of the tunnel, see `websocket-tunnel.md`. */
export const tunnelProtocol = "parley.tunnel.v1";

// Any mask will do: only proxies in between care for its randomness.
const mask = Buffer.of(0x37, 0xfa, 0x21, 0x3d);

/** A WebSocket frame of a client, whether it makes sense or not. */
export function webSocketFrame(
  code: number,
  payload: Uint8Array,
  { isLast = true, reserved = 0, isMasked = true, length = payload.length }: FrameFaults = {},
): Buffer {
  const head = [(isLast ? 0x80 : 0) | (reserved << 4) | code];
  const maskBit = isMasked ? 0x80 : 0;
  let extended = Buffer.alloc(0);
  if (length < 126) {
    head.push(maskBit | length);
  } else if (length < 65_536) {
    head.push(maskBit | 126);
    extended = Buffer.alloc(2);
    extended.writeUInt16BE(length);
  } else {
    head.push(maskBit | 127);
    extended = Buffer.alloc(8);
    extended.writeBigUInt64BE(BigInt(length));
  }
  const body = isMasked
    ? [mask, payload.map((byte, index) => byte ^ (mask[index % 4] as number))]
    : [payload];
  return Buffer.concat([Buffer.from(head), extended, ...body]);
}

export function textFrame(text: string): Buffer {
  return webSocketFrame(opcode.text, Buffer.from(text));
}

export function binaryFrame(payload: Uint8Array): Buffer {
  return webSocketFrame(opcode.binary, payload);
}

export function closeFrame(code: number, reason = ""): Buffer {
  const payload = Buffer.alloc(2);
  payload.writeUInt16BE(code);
  return webSocketFrame(opcode.close, Buffer.concat([payload, Buffer.from(reason)]));
}

/** The request that asks for a tunnel to a method. */
export function upgradeRequest(path: string, headers: readonly string[] = []): Buffer {
  return Buffer.from(
    [
      `GET ${path} HTTP/1.1`,
      "Host: localhost",
      "Connection: Upgrade",
      "Upgrade: websocket",
      "Sec-WebSocket-Version: 13",
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
      `Sec-WebSocket-Protocol: ${tunnelProtocol}`,
      ...headers,
      "",
      "",
    ].join("\r\n"),
  );
}

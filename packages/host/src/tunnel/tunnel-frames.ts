import type { IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http2";

/**
 * What goes over the wire beside bodies; `websocket-tunnel.md` describes all of it.
 */

/** The subprotocol (https://www.rfc-editor.org/rfc/rfc6455#section-1.9) that names the tunnel. */
export const tunnelProtocol = "parley.tunnel.v1";

/** How much of a body a side may send before the other has granted more, in bytes. */
export const windowBytes: number = 256 * 1024;

/** What is wrong with a frame: the reason that the socket is closed with. */
export class FrameError extends Error {
  override readonly name = "FrameError";
  /** https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1; a protocol error unless told. */
  readonly closeCode: number;

  constructor(message: string, closeCode = 1002) {
    super(message);
    this.closeCode = closeCode;
  }
}

/** Headers of a request; their names are in lower case. */
export type RequestHeaders = Record<string, string>;

const maxHeaderCount = 128;
// https://www.rfc-editor.org/rfc/rfc9110#section-5.1 and section-5.5
const headerName = /^[!#$%&'*+.^_`|~0-9a-z-]+$/;
const headerValue = /^[\t\x20-\x7e\x80-\xff]*$/;

/** Reads the client's first frame. Throws a FrameError when it is not as it has to be. */
export function decodeRequest(text: string): RequestHeaders {
  const { headers } = parseObject(text);
  if (!isObject(headers)) {
    throw new FrameError('the first frame must be a JSON object with "headers"');
  }
  // Without a prototype: "__proto__" is a name like any other.
  const decoded: RequestHeaders = Object.create(null);
  const entries = Object.entries(headers);
  if (entries.length > maxHeaderCount) {
    throw new FrameError(`more than ${maxHeaderCount} headers`);
  }
  for (const [name, value] of entries) {
    const lower = name.toLowerCase();
    const text = Array.isArray(value) ? value.join(", ") : value;
    if (!headerName.test(lower) || typeof text !== "string" || !headerValue.test(text)) {
      throw new FrameError("a header that HTTP has no place for");
    }
    decoded[lower] = lower in decoded ? `${decoded[lower]}, ${text.trim()}` : text.trim();
  }
  return decoded;
}

/** Reads a grant: how many more bytes the other side takes. Throws a FrameError. */
export function decodeGrant(text: string): number {
  const { window } = parseObject(text);
  if (!Number.isSafeInteger(window) || (window as number) <= 0) {
    throw new FrameError('after the first, a text frame must be a JSON object with "window"');
  }
  return window as number;
}

/** The server's first frame. Headers may be a list of names and values, as `respond` takes it. */
export function encodeResponse(
  headers: OutgoingHttpHeaders | IncomingHttpHeaders | readonly string[],
): string {
  const { ":status": status = 200, ...rest } = isList(headers) ? fromList(headers) : headers;
  return JSON.stringify({ status: Number(status), headers: rest });
}

function isList(headers: object): headers is readonly string[] {
  return Array.isArray(headers);
}

function fromList(list: readonly string[]): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = {};
  for (let index = 0; index < list.length; index += 2) {
    headers[list[index] as string] = list[index + 1];
  }
  return headers;
}

/** A grant of so many more bytes. */
export function encodeGrant(bytes: number): string {
  return `{"window":${bytes}}`;
}

function parseObject(text: string): Readonly<Record<string, unknown>> {
  try {
    const value = JSON.parse(text) as unknown;
    if (isObject(value)) {
      return value;
    }
  } catch {
    // Told below.
  }
  throw new FrameError("a text frame must be a JSON object");
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * The wire form of the tunnel, as `websocket-tunnel.md` of @parley/host describes it.
 */

/** The subprotocol (RFC 6455, section 1.9) that both sides must name. */
export const tunnelProtocol = "parley.tunnel.v1";

/** How much of a body a side may send before the other has granted more, in bytes. */
export const windowBytes: number = 256 * 1024;

/** The largest binary frame that is sent: a large message should not hold up a grant. */
export const maxFrameBytes: number = 64 * 1024;

/** What a text frame says, from the server. */
export type ServerControl =
  | { readonly kind: "response"; readonly status: number; readonly header: Headers }
  | { readonly kind: "grant"; readonly bytes: number };

/** The client's first frame. */
export function encodeRequest(header: Headers): string {
  return JSON.stringify({ headers: Object.fromEntries(header) });
}

/** A grant of so many more bytes. */
export function encodeGrant(bytes: number): string {
  return JSON.stringify({ window: bytes });
}

/** Parses a text frame of the server. Undefined when it is none that the protocol has. */
export function parseControl(text: string): ServerControl | undefined {
  const control = parseObject(text);
  const { status, headers, window } = control ?? {};
  if (isCount(window)) {
    return { kind: "grant", bytes: window };
  }
  if (isCount(status) && status >= 100 && status <= 599) {
    const header = parseHeaders(headers);
    return header && { kind: "response", status, header };
  }
  return undefined;
}

function parseHeaders(headers: unknown): Headers | undefined {
  const header = new Headers();
  try {
    for (const [name, value] of Object.entries(headers ?? {})) {
      for (const one of Array.isArray(value) ? value : [value]) {
        header.append(name, String(one));
      }
    }
    return header;
  } catch {
    // A name or a value that HTTP has no place for.
    return undefined;
  }
}

function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value = JSON.parse(text) as unknown;
    return typeof value === "object" && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0;
}

import type { IncomingHttpHeaders } from "node:http";
import type { RequestHeaders } from "./tunnel-frames.ts";

/** Of the connection, of the handshake, or of a body that is not the call's. */
const ofTheUpgrade =
  /^(:.*|accept|accept-.*|cache-control|connection|content-.*|expect|keep-alive|pragma|proxy-.*|sec-.*|te|trailer|transfer-encoding|upgrade)$/;

/** What only the connection, or what stands before the server, can tell of a caller. */
const ofTheConnection =
  /^(connection|content-length|cookie|expect|forwarded|host|keep-alive|origin|proxy-.*|sec-.*|te|trailer|transfer-encoding|upgrade|via|x-forwarded-.*|x-real-ip)$/;

/** What a browser adds by itself, whichever page it is that calls. */
const credentials = new Set(["authorization", "cookie"]);

/**
 * The headers of a call: those of its first frame, and those of the upgrade request that
 * are not about the upgrade, which a page cannot set and a proxy may have added.
 *
 * Of a name that both have the upgrade's counts, as what stands before the server has
 * checked it and sees nothing of the frame; authorization is the exception, as a page
 * cannot set it otherwise. The frame cannot name what only a connection tells. Credentials
 * of the upgrade request are taken from pages of the server's own origin only, as with
 * fetch: elsewhere they are not the page's to use.
 */
export function mergeRequestHeaders(
  upgrade: IncomingHttpHeaders,
  frame: RequestHeaders,
  isSameOrigin: boolean,
): RequestHeaders {
  const headers: RequestHeaders = Object.create(null);
  for (const [name, value] of Object.entries(frame)) {
    if (!ofTheConnection.test(name)) {
      headers[name] = value;
    }
  }
  for (const [name, value] of Object.entries(upgrade)) {
    if (value === undefined || ofTheUpgrade.test(name)) {
      continue;
    }
    if (credentials.has(name) && (!isSameOrigin || name in headers)) {
      continue;
    }
    headers[name] = Array.isArray(value) ? value.join(", ") : value;
  }
  return headers;
}

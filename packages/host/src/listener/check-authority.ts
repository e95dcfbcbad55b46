import type { RequestHandler } from "./listener.ts";

/** What a request that names no authority is taken to be for. */
const defaultAuthority = "localhost";

/**
 * Answers a request whose authority (the Host header, `:authority` on HTTP/2) cannot be
 * part of a URL with 400, as https://www.rfc-editor.org/rfc/rfc9112#section-3.2 asks,
 * and gives HTTP/1 requests that have none a name: they may leave it empty, or out if 1.0.
 *
 * Connect's adapter makes a URL of it. Where that fails the caller would get an empty
 * 200, and the log a stack trace.
 */
export function checkAuthority(handler: RequestHandler): RequestHandler {
  return (request, response) => {
    const { headers } = request;
    const authority = headers[":authority"] || headers.host;
    if (!authority) {
      headers.host = defaultAuthority;
    } else if (!URL.canParse(`http://${authority}`)) {
      response.writeHead(400).end();
      return;
    }
    handler(request, response);
  };
}

import { once } from "node:events";
import { Agent, type IncomingHttpHeaders, request as requestHttp1 } from "node:http";
import { connect as connectHttp2 } from "node:http2";
import type { Readable, Writable } from "node:stream";
import type { TestContext } from "node:test";
import type { httpVersions } from "./transports.ts";

export interface RawRequest {
  readonly httpVersion: (typeof httpVersions)[number];
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A request whose body the caller writes, and whose answer it reads, byte for byte. */
export interface RawCall {
  readonly body: Writable;
  /** Resolves when the headers of the answer have come. */
  readonly answer: Promise<RawAnswer>;
}

export interface RawAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Readable;
  /** HTTP/2: whether the headers were all there is. */
  readonly isHeadersOnly: boolean;
}

/** Begins a request on a connection of its own, which is gone when the test ends. */
export function startRawCall(
  t: Pick<TestContext, "after">,
  url: string,
  { httpVersion, method = "POST", path, headers = {} }: RawRequest,
): RawCall {
  if (httpVersion === "1.1") {
    const agent = new Agent();
    const request = requestHttp1(`${url}${path}`, { method, headers, agent });
    t.after(() => request.destroy());
    request.on("error", () => {});
    request.flushHeaders();
    const answer = once(request, "response").then(([response]) => ({
      status: response.statusCode,
      headers: response.headers,
      body: response,
      isHeadersOnly: false,
    }));
    answer.catch(() => {});
    return { body: request, answer };
  }
  const session = connectHttp2(url);
  t.after(() => session.destroy());
  session.on("error", () => {});
  const stream = session.request(
    { ...headers, ":method": method, ":path": path },
    { endStream: false },
  );
  stream.on("error", () => {});
  const answer = once(stream, "response").then(([received, flags]) => ({
    status: received[":status"],
    headers: received,
    body: stream,
    isHeadersOnly: (flags & 1) === 1,
  }));
  answer.catch(() => {});
  return { body: stream, answer };
}

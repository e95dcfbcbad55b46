import { once } from "node:events";
import { Agent, request as requestHttp1 } from "node:http";
import { type ClientHttp2Session, connect } from "node:http2";
import { buffer } from "node:stream/consumers";
import type { Code } from "@connectrpc/connect";
import { codeFromString } from "@connectrpc/connect/protocol-connect";

/** A request as it stands on the wire: nothing is added to it but what HTTP itself needs. */
export interface RawRequest {
  /** Default "POST". */
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
}

export interface RawResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly trailers: Readonly<Record<string, unknown>>;
  readonly body: Buffer;
}

/** One connection to a server; going out of scope destroys it. */
export interface RawClient extends Disposable {
  request(request: RawRequest): Promise<RawResponse>;
}

export const rawClients: Record<"1.1" | "2", (url: string) => RawClient> = {
  "1.1": http1Client,
  "2": http2Client,
};

function http1Client(url: string): RawClient {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  return {
    async request({ method = "POST", path, headers, body }) {
      const sent = requestHttp1(new URL(path, url), { method, agent, headers: { ...headers } });
      const answered = once(sent, "response");
      sent.end(body);
      const [response] = await answered;
      const received = await buffer(response);
      const { statusCode: status, headers: answer, trailers } = response;
      return { status, headers: answer, trailers, body: received };
    },
    [Symbol.dispose]: () => agent.destroy(),
  };
}

function http2Client(url: string): RawClient {
  const session: ClientHttp2Session = connect(url, { maxSessionMemory: 1_000 });
  session.on("error", () => {});
  return {
    async request({ method = "POST", path, headers, body }) {
      const stream = session.request({ ":method": method, ":path": path, ...headers });
      let trailers = {};
      stream.on("trailers", (received) => {
        trailers = received;
      });
      const answered = once(stream, "response");
      stream.end(body);
      const [answer] = await answered;
      const received = await buffer(stream);
      return { status: answer[":status"], headers: answer, trailers, body: received };
    },
    [Symbol.dispose]: () => session.destroy(),
  };
}

/** A message as streams and gRPC carry it. */
export function envelope(payload: Uint8Array, flags = 0, length: number = payload.length): Buffer {
  const header = Buffer.alloc(5);
  header.writeUInt8(flags, 0);
  header.writeUInt32BE(length, 1);
  return Buffer.concat([header, payload]);
}

/** The code that a call ended with; undefined where the response does not tell. */
export function codeOf({ headers, trailers, body }: RawResponse): Code | undefined {
  const type = String(headers["content-type"]);
  const inBody = body.toString("latin1");
  if (type.startsWith("application/grpc")) {
    const status =
      headers["grpc-status"] ?? trailers["grpc-status"] ?? /grpc-status: *(\d+)/.exec(inBody)?.[1];
    return status === undefined ? undefined : Number(status);
  }
  return codeFromString(/"code":"(\w+)"/.exec(inBody)?.[1] ?? "");
}

import { once } from "node:events";
import { Agent, type IncomingMessage, request as requestHttp1 } from "node:http";
import { type ClientHttp2Session, connect as connectHttp2 } from "node:http2";
import { buffer } from "node:stream/consumers";
import type { Code } from "@connectrpc/connect";
import { codeFromString } from "@connectrpc/connect/protocol-connect";
import { envelopeFlag, parseEnvelopes } from "./envelope.ts";
import type { httpVersions, protocols } from "./transports.ts";

export type EchoMethod = "Unary" | "ServerStream" | "ClientStream" | "BidiStream";

/** A call whose request is whatever bytes the caller makes up. */
export interface Exchange {
  readonly protocol: (typeof protocols)[number];
  readonly method: EchoMethod;
  readonly headers?: Readonly<Record<string, string>>;
  /** The body, piece by piece. */
  readonly pieces: readonly Uint8Array[];
}

/** How a call ended. */
export interface Outcome {
  readonly httpStatus: number;
  /** 0 for success; undefined when the answer tells none. */
  readonly code: Code | 0 | undefined;
  readonly body: Buffer;
}

/** Makes calls on connections of its own. */
export type Exchanger = (exchange: Exchange) => Promise<Outcome>;

/** Creates an exchanger whose connections are gone when what it is for ends. */
export function createExchanger(
  t: { after(callback: () => unknown): void },
  url: string,
  httpVersion: (typeof httpVersions)[number],
): Exchanger {
  if (httpVersion === "1.1") {
    const agent = new Agent({ keepAlive: true });
    t.after(() => agent.destroy());
    return (exchange) => exchangeOverHttp1(url, agent, exchange);
  }
  const session = connectHttp2(url);
  session.on("error", () => {});
  t.after(() => session.destroy());
  return (exchange) => exchangeOverHttp2(session, exchange);
}

/** The content type of a binary call. */
export function contentTypeOf(protocol: Exchange["protocol"], method: EchoMethod): string {
  switch (protocol) {
    case "grpc":
      return "application/grpc";
    case "grpc-web":
      return "application/grpc-web";
    case "connect":
      return method === "Unary" ? "application/proto" : "application/connect+proto";
  }
}

async function exchangeOverHttp1(url: string, agent: Agent, exchange: Exchange): Promise<Outcome> {
  const { protocol, method, headers, pieces } = exchange;
  const request = requestHttp1(`${url}/testing.v1.EchoService/${method}`, {
    method: "POST",
    agent,
    headers: { "content-type": contentTypeOf(protocol, method), ...headers },
  });
  const answered = once(request, "response");
  // What the server has answered it need not read.
  request.on("error", () => {});
  for (const piece of pieces) {
    request.write(piece);
  }
  request.end();
  const [response] = (await answered) as [IncomingMessage];
  const body = await buffer(response);
  const grpcStatus = response.trailers["grpc-status"] ?? response.headers["grpc-status"];
  return outcomeOf(exchange, response.statusCode ?? 0, grpcStatus, body);
}

async function exchangeOverHttp2(
  session: ClientHttp2Session,
  exchange: Exchange,
): Promise<Outcome> {
  const { protocol, method, headers, pieces } = exchange;
  const stream = session.request({
    ":method": "POST",
    ":path": `/testing.v1.EchoService/${method}`,
    "content-type": contentTypeOf(protocol, method),
    te: "trailers",
    ...headers,
  });
  const answered = once(stream, "response");
  let trailers: Record<string, unknown> = {};
  stream.on("trailers", (received) => {
    trailers = received;
  });
  const body = buffer(stream);
  for (const piece of pieces) {
    stream.write(piece);
  }
  stream.end();
  const [answer] = await answered;
  const received = await body;
  const grpcStatus = trailers["grpc-status"] ?? answer["grpc-status"];
  return outcomeOf(exchange, answer[":status"], grpcStatus, received);
}

function outcomeOf(
  { protocol, method }: Exchange,
  httpStatus: number,
  grpcStatus: unknown,
  body: Buffer,
): Outcome {
  if (httpStatus === 200 && grpcStatus !== undefined) {
    return { httpStatus, code: Number(grpcStatus), body };
  }
  const last = parseEnvelopes(body).at(-1);
  if (protocol === "grpc-web" && last && last.flags & envelopeFlag.grpcWebTrailers) {
    const status = /grpc-status:\s*(\d+)/i.exec(last.payload.toString("latin1"))?.[1];
    return { httpStatus, code: status === undefined ? undefined : Number(status), body };
  }
  if (protocol === "connect" && method === "Unary") {
    return { httpStatus, code: httpStatus === 200 ? 0 : connectCode(body), body };
  }
  if (protocol === "connect" && last && last.flags & envelopeFlag.connectEnd) {
    const { error } = JSON.parse(last.payload.toString()) as { error?: unknown };
    return { httpStatus, code: error ? connectCode(JSON.stringify(error)) : 0, body };
  }
  return { httpStatus, code: undefined, body };
}

function connectCode(json: { toString(): string }): Code | undefined {
  const { code } = JSON.parse(json.toString()) as { code: string };
  return codeFromString(code);
}

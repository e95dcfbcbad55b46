import assert from "node:assert/strict";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { connect as connectTcp, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { type ClientOptions, WebSocket } from "ws";
import { EchoRequestSchema } from "../gen/testing/v1/echo_pb.ts";
import { tunnelProtocol } from "../tunnel/tunnel-frames.ts";
import { envelope, parseEnvelopes } from "./envelope.ts";

/** A socket of the tunnel whose frames the test writes and reads by itself. */
export interface RawTunnel {
  readonly socket: WebSocket;
  /** Sends the first frame. */
  request(headers?: Readonly<Record<string, unknown>>): void;
  /** Sends messages, each as one frame. */
  send(...texts: string[]): void;
  /** Ends the body of the request. */
  end(): void;
  /** Grants so many bytes. */
  grant(bytes: number): void;
  /** The server's first frame, when it has come. */
  readonly response: Promise<TunnelResponse>;
  /** What was received of the body so far. */
  readonly body: Buffer;
  /** Grants of the server so far, in bytes. */
  readonly grantedBytes: number;
  /** Resolves when the body has so many bytes. */
  received(bytes: number): Promise<void>;
  /** Resolves at the end of the body, with all of it. */
  readonly ended: Promise<Buffer>;
  /** Resolves when the socket has closed. */
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>;
}

export interface TunnelResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
}

/** What a socket lasts as long as. */
export interface TunnelScope {
  after(callback: () => unknown): void;
}

/** An answer to an upgrade request other than a WebSocket. */
export interface Refusal {
  readonly status: number;
  readonly reason: string;
}

export const connectStream = { "content-type": "application/connect+proto" };

/** A message in its envelope. */
export function echoFrame(message: MessageInitShape<typeof EchoRequestSchema>): Buffer {
  return envelope(toBinary(EchoRequestSchema, create(EchoRequestSchema, message)));
}

/** What the end of a Connect stream says. */
export function endOf(body: Buffer): { error?: { code: string; message?: string } } {
  return JSON.parse(parseEnvelopes(body).at(-1)?.payload.toString() ?? "");
}

/** Opens a socket, which is gone when the test ends. */
export async function openTunnel(
  t: TunnelScope,
  url: string,
  method: string,
  options: ClientOptions & { readonly service?: string } = {},
): Promise<RawTunnel> {
  const socket = connect(t, url, method, options);
  const tunnel = watch(socket);
  await once(socket, "open");
  return tunnel;
}

/** A connection on which the server has accepted a tunnel, for a client that knows no frames. */
export async function openBareTunnel(t: TunnelScope, port: number): Promise<Socket> {
  const socket = connectTcp(port, "127.0.0.1");
  socket.on("error", () => {});
  t.after(() => socket.destroy());
  socket.write(
    [
      "GET /testing.v1.EchoService/BidiStream HTTP/1.1",
      "Host: localhost",
      "Connection: Upgrade",
      "Upgrade: websocket",
      "Sec-WebSocket-Version: 13",
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
      `Sec-WebSocket-Protocol: ${tunnelProtocol}`,
      "",
      "",
    ].join("\r\n"),
  );
  const [answer] = await once(socket, "data");
  assert.match(String(answer), /^HTTP\/1\.1 101 /);
  return socket;
}

/** The answer of a server that refuses the socket. */
export async function refusalOf(
  t: TunnelScope,
  url: string,
  options: ClientOptions & { readonly protocols?: string[] } = {},
): Promise<Refusal> {
  const socket = connect(t, url, "Unary", options);
  const [, response] = (await once(socket, "unexpected-response")) as [unknown, IncomingMessage];
  return { status: response.statusCode ?? 0, reason: (await text(response)).trim() };
}

function connect(
  t: TunnelScope,
  url: string,
  method: string,
  {
    service = "testing.v1.EchoService",
    protocols = [tunnelProtocol],
    ...options
  }: ClientOptions & { readonly service?: string; readonly protocols?: string[] },
): WebSocket {
  const target = `${url.replace(/^http/, "ws")}/${service}/${method}`;
  const socket = new WebSocket(target, protocols, { perMessageDeflate: false, ...options });
  socket.on("error", () => {});
  t.after(() => socket.terminate());
  return socket;
}

function watch(socket: WebSocket): RawTunnel {
  const response = Promise.withResolvers<TunnelResponse>();
  const ended = Promise.withResolvers<Buffer>();
  const closed = once(socket, "close").then(([code, reason]) => ({ code, reason: String(reason) }));
  const pieces: Buffer[] = [];
  let bodyBytes = 0;
  let grantedBytes = 0;
  const body = () => Buffer.concat(pieces);
  socket.on("message", (data: Buffer, isBinary) => {
    if (isBinary && data.length === 0) {
      ended.resolve(body());
    } else if (isBinary) {
      pieces.push(data);
      bodyBytes += data.length;
      socket.emit("body");
    } else {
      const control = JSON.parse(data.toString());
      grantedBytes += control.window ?? 0;
      if (control.status) {
        response.resolve(control);
      }
    }
  });
  const broken = () => new Error("the socket closed");
  closed.then(() => {
    response.reject(broken());
    ended.reject(broken());
  });
  for (const promise of [response.promise, ended.promise]) {
    promise.catch(() => {});
  }
  return {
    socket,
    request: (headers = connectStream) => socket.send(JSON.stringify({ headers })),
    send(...texts) {
      for (const text of texts) {
        socket.send(echoFrame({ text }));
      }
    },
    end: () => socket.send(Buffer.alloc(0)),
    grant: (bytes) => socket.send(JSON.stringify({ window: bytes })),
    response: response.promise,
    get body() {
      return body();
    },
    get grantedBytes() {
      return grantedBytes;
    },
    async received(bytes) {
      while (bodyBytes < bytes) {
        await once(socket, "body");
      }
    },
    ended: ended.promise,
    closed,
  };
}

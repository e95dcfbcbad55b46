import { type Client, createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { EchoService } from "../gen/testing/v1/echo_pb.ts";
import { startRawCall } from "./raw-call.ts";
import { openTunnel, type TunnelScope } from "./raw-tunnel.ts";
import { createTransport } from "./transports.ts";
import { createTunnelTransport } from "./tunnel-transport.ts";

/** One of the ways by which a call can reach its handler. */
export interface Way {
  readonly name: string;
  /** What serves it. */
  readonly path: "lean" | "stock";
  readonly protocol: "grpc" | "grpc-web" | "connect";
  readonly carrier: "http/1" | "http/2" | "tunnel";
  /** For `createEchoHost`. */
  readonly leanPath: boolean;
  transport(baseUrl: string): Transport;
}

/** All of them: a handler, an interceptor or a caller cannot tell them apart. */
export const ways: readonly Way[] = (
  [
    ["lean", "grpc", "http/2"],
    ["lean", "grpc-web", "http/2"],
    ["lean", "connect", "http/2"],
    ["lean", "connect", "tunnel"],
    ["stock", "grpc", "http/2"],
    ["stock", "grpc-web", "http/1"],
    ["stock", "connect", "http/1"],
    ["stock", "connect", "tunnel"],
  ] as const
).map(([path, protocol, carrier]) => ({
  name: `${protocol} over ${carrier} on the ${path} path`,
  path,
  protocol,
  carrier,
  leanPath: path === "lean",
  transport(baseUrl: string) {
    const useBinaryFormat = path === "lean";
    if (carrier === "tunnel") {
      return createTunnelTransport({ baseUrl, useBinaryFormat });
    }
    const httpVersion = carrier === "http/1" ? "1.1" : "2";
    return protocol === "connect"
      ? createConnectTransport({ baseUrl, httpVersion, useBinaryFormat })
      : createTransport({ protocol, httpVersion, baseUrl });
  },
}));

/** A client that takes this way. */
export function echoClient(way: Way, baseUrl: string): Client<typeof EchoService> {
  return createClient(EchoService, way.transport(baseUrl));
}

/** The kinds of calls that this way has: HTTP/1 is not full duplex. */
export function kindsOf({ carrier }: Way): readonly EchoKind[] {
  return carrier === "http/1" ? kinds.filter((kind) => kind !== "bidiStream") : kinds;
}

export type EchoKind = "unary" | "serverStream" | "clientStream" | "bidiStream";

const kinds: readonly EchoKind[] = ["unary", "serverStream", "clientStream", "bidiStream"];

/** Makes a call of this kind to its end; rejects as the client does. */
export async function callOf(
  client: Client<typeof EchoService>,
  kind: EchoKind,
  text = "a",
  headers: Record<string, string> = {},
): Promise<string[]> {
  const request = { text, repeat: 1 };
  async function* requests() {
    yield request;
  }
  switch (kind) {
    case "unary":
      return [(await client.unary(request, { headers })).text];
    case "clientStream":
      return [(await client.clientStream(requests(), { headers })).text];
    case "serverStream":
      return (await Array.fromAsync(client.serverStream(request, { headers }))).map(textOf);
    case "bidiStream":
      return (await Array.fromAsync(client.bidiStream(requests(), { headers }))).map(textOf);
  }
}

function textOf({ text }: { readonly text: string }): string {
  return text;
}

/**
 * Begins a call of a client stream whose body is these bytes so far, in one piece and without
 * an end. Resolves when its answer begins.
 */
export async function startRawStream(
  t: TunnelScope,
  { carrier, protocol }: Way,
  url: string,
  body: Uint8Array = Buffer.alloc(0),
): Promise<void> {
  const headers = {
    "content-type":
      protocol === "connect" ? "application/connect+proto" : `application/${protocol}+proto`,
  };
  if (carrier === "tunnel") {
    const tunnel = await openTunnel(t, url, "ClientStream");
    tunnel.request(headers);
    if (body.length > 0) {
      tunnel.socket.send(body);
    }
    await tunnel.response;
    return;
  }
  const httpVersion = carrier === "http/1" ? "1.1" : "2";
  const path = "/testing.v1.EchoService/ClientStream";
  const call = startRawCall(t, url, { httpVersion, path, headers });
  if (body.length > 0) {
    call.body.write(body);
  }
  (await call.answer).body.resume();
}

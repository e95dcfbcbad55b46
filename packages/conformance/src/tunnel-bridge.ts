import { once } from "node:events";
import {
  constants,
  createServer,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import type { AddressInfo } from "node:net";
import type { UniversalClientResponse } from "@connectrpc/connect/protocol";
import { createTunnelClient } from "@parley/browser/tunnel-client";

/** An HTTP/2 server whose calls are those of a WebSocket tunnel. */
export interface TunnelBridge {
  readonly port: number;
  /** Stops at once, with all connections. */
  close(): void;
}

/**
 * Starts a server on loopback, in cleartext, that makes each request anew over the tunnel of a
 * host, by the client of `@parley/browser`: so clients that know HTTP alone test both ends of
 * it. Bodies go through as they come, in both directions at once; a client that gives a request
 * up closes its WebSocket, and a WebSocket that breaks off resets the request.
 */
export async function startTunnelBridge(hostUrl: string): Promise<TunnelBridge> {
  const callTunnel = createTunnelClient();
  const sessions = new Set<ServerHttp2Session>();
  const server = createServer();
  server.on("session", (session) => {
    sessions.add(session);
    session.once("close", () => sessions.delete(session));
  });
  server.on("stream", (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    const left = new AbortController();
    stream.once("close", () => left.abort(new Error("the client gave the request up")));
    // What it has to tell, "close" tells as well.
    stream.on("error", () => {});
    const forward = async () => {
      const response = await callTunnel({
        url: `${hostUrl}${headers[":path"]}`,
        method: headers[":method"] as string,
        header: toHeader(headers),
        body: stream.iterator({ destroyOnReturn: false }),
        signal: left.signal,
      });
      await sendResponse(stream, response);
    };
    forward().catch(() => stream.close(constants.NGHTTP2_INTERNAL_ERROR));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    close() {
      server.close();
      for (const session of sessions) {
        session.destroy();
      }
    },
  };
}

function toHeader(headers: IncomingHttpHeaders): Headers {
  const header = new Headers();
  for (const [name, value] of Object.entries(headers)) {
    if (!name.startsWith(":")) {
      for (const one of [value ?? []].flat()) {
        header.append(name, one);
      }
    }
  }
  return header;
}

async function sendResponse(
  stream: ServerHttp2Stream,
  { status, header, body }: UniversalClientResponse,
): Promise<void> {
  if (stream.closed) {
    return;
  }
  stream.respond({ ...Object.fromEntries(header), ":status": status });
  for await (const chunk of body) {
    if (stream.closed) {
      return;
    }
    if (!stream.write(chunk)) {
      await Promise.race([once(stream, "drain"), once(stream, "close")]);
    }
  }
  stream.end();
  // What is left of the request is of no interest, but its client waits until it is taken.
  // The loop over its body leaves listeners behind, which keep a stream from flowing.
  stream.removeAllListeners("readable");
  stream.resume();
}

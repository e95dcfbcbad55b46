import type { Transport } from "@connectrpc/connect";
import type { UniversalClientRequest, UniversalClientResponse } from "@connectrpc/connect/protocol";
import { createTransport } from "@connectrpc/connect/protocol-connect";
import { WebSocket } from "ws";
import { tunnelProtocol } from "../tunnel/tunnel-frames.ts";

/** Options for {@link createTunnelTransport}. */
export interface TunnelTransportOptions {
  readonly baseUrl: string;
  readonly useBinaryFormat: boolean;
}

/** Calls by Connect over the tunnel, for messages that fit into its window. */
export function createTunnelTransport({
  baseUrl,
  useBinaryFormat,
}: TunnelTransportOptions): Transport {
  return createTransport({
    baseUrl,
    useBinaryFormat,
    httpClient: callOverTunnel,
    interceptors: [],
    acceptCompression: [],
    sendCompression: null,
    compressMinBytes: Number.MAX_SAFE_INTEGER,
    readMaxBytes: 0xffffffff,
    writeMaxBytes: 0xffffffff,
  });
}

/** Connect's client takes generators only. */
async function* iterate<T>(values: AsyncIterable<T>): AsyncGenerator<T> {
  yield* values;
}

function callOverTunnel(request: UniversalClientRequest): Promise<UniversalClientResponse> {
  const { url, header, body, signal } = request;
  const socket = new WebSocket(url.replace(/^http/, "ws"), [tunnelProtocol]);
  const response = Promise.withResolvers<UniversalClientResponse>();
  const received = new ReadableStream<Uint8Array>({
    start(controller) {
      const fail = (error: unknown) => {
        response.reject(error);
        try {
          controller.error(error);
        } catch {
          // It has ended.
        }
      };
      socket.on("message", (data: Buffer, isBinary) => {
        if (!isBinary) {
          const { status, headers } = JSON.parse(data.toString());
          if (status) {
            const answer = { status, header: new Headers(headers), trailer: new Headers() };
            response.resolve({ ...answer, body: iterate(received) });
          }
        } else if (data.length === 0) {
          controller.close();
        } else {
          controller.enqueue(data);
          socket.send(JSON.stringify({ window: data.length }));
        }
      });
      socket.on("error", fail);
      socket.on("close", (code) => fail(new Error(`the socket closed: ${code}`)));
      signal?.addEventListener("abort", () => {
        fail(signal.reason);
        socket.terminate();
      });
    },
  });
  socket.on("open", async () => {
    socket.send(JSON.stringify({ headers: Object.fromEntries(header) }));
    try {
      for await (const piece of body ?? []) {
        if (piece.length > 0) {
          socket.send(piece);
        }
      }
      socket.send(Buffer.alloc(0));
    } catch (error) {
      response.reject(error);
      socket.terminate();
    }
  });
  return response.promise;
}

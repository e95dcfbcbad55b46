import type { ClientHttp2Session, OutgoingHttpHeaders } from "node:http2";
import { type Protocol, requestHeaders, type Target } from "./connection.ts";
import { EnvelopeCounter, envelope } from "./envelopes.ts";

/** A unary call that can be made again and again. */
export interface UnaryCall {
  readonly headers: OutgoingHttpHeaders;
  readonly body: Buffer;
  /** Makes the call and tells whether it succeeded with an answer. Never throws. */
  make(session: ClientHttp2Session, onEnd: (failure: string | undefined) => void): void;
}

/** Prepares a unary call of a protocol. */
export function createUnaryCall(
  target: Target,
  method: string,
  protocol: Protocol,
  payload: Uint8Array,
): UnaryCall {
  const headers = requestHeaders(target, method, protocol);
  const body = protocol === "connect" ? Buffer.from(payload) : envelope(payload);
  return {
    headers,
    body,
    make(session, onEnd) {
      const stream = session.request(headers);
      const counter = new EnvelopeCounter();
      let status: string | undefined;
      let answers = 0;
      let tail = "";
      stream.on("response", (response) => {
        if (response[":status"] !== 200) {
          status = `HTTP ${response[":status"]}`;
        } else if (protocol === "connect") {
          status = "0";
        } else if (response["grpc-status"] !== undefined) {
          status = String(response["grpc-status"]);
        }
      });
      stream.on("trailers", (trailers) => {
        // gRPC-Web has its trailers in the body: a browser sees no others.
        if (protocol === "grpc") {
          status ??= String(trailers["grpc-status"]);
        }
      });
      stream.on("data", (chunk: Buffer) => {
        answers += protocol === "connect" ? 1 : counter.push(chunk);
        if (protocol === "grpc-web") {
          tail += chunk.toString("latin1");
        }
      });
      stream.on("error", (error) => {
        status = error.message;
      });
      stream.on("close", () => {
        if (protocol === "grpc-web") {
          status ??= /grpc-status:\s*(\d+)/i.exec(tail)?.[1];
        }
        const isAnswered = status === "0" && answers > 0;
        onEnd(isAnswered ? undefined : `status ${status}, ${answers} answers`);
      });
      stream.end(body);
    },
  };
}

import type { IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http2";
import type { DescMethod } from "@bufbuild/protobuf";
import type { ConnectError, ConnectRouterOptions } from "@connectrpc/connect";
import type { LeanStream } from "../lean-stream.ts";

/** What a response consists of beside its messages. */
export interface ResponseParts {
  readonly header: Headers | undefined;
  readonly trailer: Headers | undefined;
  readonly error: ConnectError | undefined;
  /** Where the protocol has an error as JSON: how to write its details. */
  readonly jsonOptions: ConnectRouterOptions["jsonOptions"];
}

/** What differs between the protocols that the lean path speaks. */
export interface LeanProtocol {
  /** As handlers are told. */
  readonly name: "grpc" | "grpc-web" | "connect";
  readonly contentType: string;
  /** Whether messages come in envelopes; else the body is the one message. */
  readonly enveloped: boolean;
  /** Whether it has methods of this kind. */
  serves(kind: DescMethod["methodKind"]): boolean;
  /** The header of a request that names a compression. */
  readonly encodingHeader: string;
  /** How long the caller waits, in milliseconds, or what is wrong with what it says. */
  timeout(
    headers: IncomingHttpHeaders,
    maxTimeoutMs: number,
  ): { timeoutMs?: number; error?: ConnectError | undefined };
  // What sends may throw, when the stream is gone or the headers are none that HTTP/2 has.
  /** Sends the response's headers, with messages to follow. The trailers are read at its end. */
  begin(stream: LeanStream, parts: ResponseParts): void;
  /** Ends the response, whose headers have been sent or, if not, are sent now. */
  end(stream: LeanStream, parts: ResponseParts): void;
  /** Sends the whole response of a call with one message. */
  respond(stream: LeanStream, message: Uint8Array, parts: ResponseParts): void;
  /** The HTTP trailers of a response that has begun, where the protocol has some. */
  trailers?(parts: ResponseParts): OutgoingHttpHeaders;
}

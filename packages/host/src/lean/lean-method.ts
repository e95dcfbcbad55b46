import type { DescMethod, Message } from "@bufbuild/protobuf";
import type {
  StreamRequest,
  StreamResponse,
  UnaryRequest,
  UnaryResponse,
} from "@connectrpc/connect";
import type { ResolvedOptions, Routing } from "../calls/routing.ts";

/** A method as the lean path serves it. */
export interface LeanMethod {
  readonly method: DescMethod;
  /** The path of its calls, whichever name its service was called by. */
  readonly path: string;
  /** The interceptors around the implementation. */
  readonly invoke: (
    request: UnaryRequest | StreamRequest,
  ) => Promise<UnaryResponse | StreamResponse>;
  readonly options: ResolvedOptions;
  readonly routing: Pick<Routing, "calls" | "memory" | "validate" | "bodyTimeoutMs" | "onError">;
}

/** Turns the bytes of a message into what a method takes. */
export interface MessageDecoder {
  /** @throws ConnectError when they are no such message, or one that may not be. */
  decode(message: Uint8Array): Message;
}

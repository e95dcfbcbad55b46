import type { DescMethod } from "@bufbuild/protobuf";
import type {
  StreamRequest,
  StreamResponse,
  UnaryRequest,
  UnaryResponse,
} from "@connectrpc/connect";

/** A method as the lean path serves it. */
export interface LeanMethod {
  readonly method: DescMethod;
  readonly url: string;
  /** The interceptors around the implementation. */
  readonly invoke: (
    request: UnaryRequest | StreamRequest,
  ) => Promise<UnaryResponse | StreamResponse>;
}

/** What holds for all calls; see the options of the lean path. */
export interface LeanLimits {
  readonly readMaxBytes: number;
  readonly writeMaxBytes: number;
  readonly maxTimeoutMs: number;
  readonly bodyTimeoutMs: number;
}

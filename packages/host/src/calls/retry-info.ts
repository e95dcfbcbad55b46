import { durationFromMs } from "@bufbuild/protobuf/wkt";
import type { ConnectError } from "@connectrpc/connect";
import { RetryInfoSchema } from "../gen/google/rpc/error_details_pb.ts";

/** The detail of an error that tells a caller when to try again: a `google.rpc.RetryInfo`. */
export function retryInfo(
  delayMs: number,
): NonNullable<ConstructorParameters<typeof ConnectError>[3]>[number] {
  return { desc: RetryInfoSchema, value: { retryDelay: durationFromMs(delayMs) } };
}

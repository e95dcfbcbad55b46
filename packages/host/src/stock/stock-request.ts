import { type ContextKey, createContextKey } from "@connectrpc/connect";
import type { UniversalServerRequest } from "@connectrpc/connect/protocol";
import type { Call } from "../calls/call.ts";
import type { CallRequest } from "../calls/call-request.ts";

/** Where a server tells the stock path of the request that a call comes in. */
export const callRequestKey: ContextKey<CallRequest | undefined> = createContextKey<
  CallRequest | undefined
>(undefined, { description: "the HTTP request of the call" });

/** The protocol of a request that Connect's handlers take. */
export function protocolOf(header: Headers): Call["protocol"] {
  const contentType = header.get("content-type");
  if (!contentType?.startsWith("application/grpc")) {
    return "connect";
  }
  return contentType.startsWith("application/grpc-web") ? "grpc-web" : "grpc";
}

/** Whether messages are JSON; whether an enveloped one is compressed is told by itself. */
export function isReadableJson(header: Headers): boolean {
  return (
    /^application\/(?:.*\+)?json/i.test(header.get("content-type") ?? "") &&
    (header.get("content-encoding") ?? "identity") === "identity"
  );
}

/** A request of which nobody has told anything. */
export function unknownRequest({ httpVersion }: UniversalServerRequest): CallRequest {
  return {
    id: "",
    log: { info: () => {}, error: () => {} },
    peer: "unknown:0",
    httpVersion,
    connection: {},
    onClosed: () => {},
  };
}

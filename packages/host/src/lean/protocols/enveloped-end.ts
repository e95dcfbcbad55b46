import { frameMessages } from "../../frames/envelope.ts";
import { responseHeaders } from "./headers.ts";
import type { LeanProtocol, ResponseParts } from "./lean-protocol.ts";

/**
 * How a response is sent whose end is a last envelope of its body, as gRPC-Web and Connect's
 * streaming calls have it.
 *
 * @param endOf - the frame that ends a response with trailers or an error
 * @param okEnd - the same without
 */
export function withEnvelopedEnd(
  contentType: string,
  okEnd: Uint8Array,
  endOf: (parts: ResponseParts) => Uint8Array,
): Pick<LeanProtocol, "begin" | "end" | "respond"> {
  const begin: LeanProtocol["begin"] = (stream, { header }) =>
    stream.respond(responseHeaders(200, contentType, header));
  const endFrame = (parts: ResponseParts) =>
    !parts.trailer && !parts.error ? okEnd : endOf(parts);
  return {
    begin,
    end(stream, parts) {
      if (!stream.headersSent) {
        begin(stream, parts);
      }
      stream.end(endFrame(parts));
    },
    respond(stream, message, parts) {
      begin(stream, parts);
      stream.end(Buffer.concat([frameMessages([message]), endFrame(parts)]));
    },
  };
}

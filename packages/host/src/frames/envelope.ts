// Bodies of gRPC, gRPC-Web and Connect's streaming calls are enveloped alike
// (https://connectrpc.com/docs/protocol#streaming-request,
// https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#requests).

/** The length of an envelope's header: a flag byte and a big-endian uint32. */
export const envelopeHeaderBytes = 5;

/** Puts messages into envelopes, one behind the other. */
export function frameMessages(messages: readonly Uint8Array[], flags = 0): Buffer {
  const bytes = messages.reduce((sum, message) => sum + envelopeHeaderBytes + message.length, 0);
  const frames = Buffer.allocUnsafe(bytes);
  let offset = 0;
  for (const message of messages) {
    frames[offset] = flags;
    frames.writeUInt32BE(message.length, offset + 1);
    frames.set(message, offset + envelopeHeaderBytes);
    offset += envelopeHeaderBytes + message.length;
  }
  return frames;
}

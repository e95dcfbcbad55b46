/** Flags of the envelopes of gRPC, gRPC-Web and Connect. */
export const envelopeFlag = { compressed: 1, connectEnd: 2, webTrailers: 0x80 } as const;

/** A message as streams and gRPC carry it. */
export function envelope(payload: Uint8Array, flags = 0, length: number = payload.length): Buffer {
  const header = Buffer.alloc(5);
  header.writeUInt8(flags, 0);
  header.writeUInt32BE(length >>> 0, 1);
  return Buffer.concat([header, payload]);
}

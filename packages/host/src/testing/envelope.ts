/** Flags of an envelope, of whichever protocol. */
export const envelopeFlag = { compressed: 1, connectEnd: 2, grpcWebTrailers: 0x80 } as const;

/** A message as gRPC, gRPC-Web and Connect streams carry it; its length may be a lie. */
export function envelope(payload: Uint8Array, flags = 0, length: number = payload.length): Buffer {
  const header = Buffer.alloc(5);
  header.writeUInt8(flags, 0);
  header.writeUInt32BE(length, 1);
  return Buffer.concat([header, payload]);
}

/** The envelopes in these bytes, as far as they are complete. */
export function parseEnvelopes(bytes: Buffer): { flags: number; payload: Buffer }[] {
  const envelopes: { flags: number; payload: Buffer }[] = [];
  for (let start = 0; start + 5 <= bytes.length; ) {
    const end = start + 5 + bytes.readUInt32BE(start + 1);
    if (end > bytes.length) {
      break;
    }
    envelopes.push({ flags: bytes.readUInt8(start), payload: bytes.subarray(start + 5, end) });
    start = end;
  }
  return envelopes;
}

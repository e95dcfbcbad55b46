// The little of protobuf's wire format that is written here by hand, because it is written
// for every message: https://protobuf.dev/programming-guides/encoding/.

/** The tag of a field that holds a whole number. */
export function varintTag(field: number): number {
  return field << 3;
}

/** The tag of a field that holds a length and so many bytes. */
export function bytesTag(field: number): number {
  return (field << 3) | 2;
}

/** How many bytes a whole number from 0 to below 2^53 takes. */
export function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = value; rest > 0x7f; rest = Math.floor(rest / 0x80)) {
    bytes += 1;
  }
  return bytes;
}

/** Writes a whole number from 0 to below 2^53 and returns the offset behind it. */
export function writeVarint(bytes: Buffer, offset: number, value: number): number {
  let rest = value;
  let at = offset;
  // Whole numbers below 2^31 are shifted, which is faster than to divide them.
  while (rest > 0x7fffffff) {
    bytes[at] = (rest % 0x80) | 0x80;
    rest = Math.floor(rest / 0x80);
    at += 1;
  }
  while (rest > 0x7f) {
    bytes[at] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
    at += 1;
  }
  bytes[at] = rest;
  return at + 1;
}

/** Writes the text of a field, which takes so many bytes, and returns the offset behind it. */
export function writeText(
  bytes: Buffer,
  offset: number,
  field: number,
  text: string,
  textBytes: number,
): number {
  bytes[offset] = bytesTag(field);
  const start = writeVarint(bytes, offset + 1, textBytes);
  return start + bytes.write(text, start, textBytes, "utf8");
}

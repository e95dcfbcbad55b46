import { Code, ConnectError } from "@connectrpc/connect";

/** Decodes one base64 text that arrives in pieces. */
export interface Base64Decoder {
  /**
   * Returns the bytes that this piece completes; at most three characters are kept
   * for the next one. Throws a ConnectError with INVALID_ARGUMENT at the first
   * character that is not base64.
   */
  decode(piece: Uint8Array): Uint8Array;
  /** Throws the same error if the text ended within a group of four characters. */
  end(): void;
}

// A character's six bits, or one of these.
const invalid = 255;
const padding = 64;
const values = createValues();

/**
 * Creates a decoder of the standard alphabet (https://www.rfc-editor.org/rfc/rfc4648#section-4).
 *
 * Pieces may be cut anywhere. The text may be a sequence of padded texts, as a sender
 * makes them that encodes each write by itself: a group with padding ends one, and
 * another may follow. Nothing else is taken: no white space, no missing padding.
 */
export function createBase64Decoder(): Base64Decoder {
  // What is known of the present group of four characters.
  let bits = 0;
  let count = 0;
  let paddingCount = 0;

  return {
    decode(piece) {
      const bytes = new Uint8Array(Math.ceil(((piece.length + count) * 3) / 4));
      let length = 0;
      for (const character of piece) {
        const value = values[character] as number;
        if (value === padding) {
          // A group holds two characters at least.
          if (count < 2) {
            throw notBase64();
          }
          bits <<= 6;
          paddingCount += 1;
        } else if (value === invalid || paddingCount > 0) {
          throw notBase64();
        } else {
          bits = (bits << 6) | value;
        }
        count += 1;
        if (count === 4) {
          bytes[length] = bits >> 16;
          bytes[length + 1] = bits >> 8;
          bytes[length + 2] = bits;
          length += 3 - paddingCount;
          bits = count = paddingCount = 0;
        }
      }
      return bytes.subarray(0, length);
    },
    end() {
      if (count > 0) {
        throw notBase64();
      }
    },
  };
}

function createValues(): Uint8Array {
  const values = new Uint8Array(256).fill(invalid);
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  values.set([padding], "=".charCodeAt(0));
  for (const [value, character] of Array.from(alphabet).entries()) {
    values[character.charCodeAt(0)] = value;
  }
  return values;
}

function notBase64(): ConnectError {
  return new ConnectError("the body is not valid base64", Code.InvalidArgument);
}

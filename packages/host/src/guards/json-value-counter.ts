import { Code, ConnectError } from "@connectrpc/connect";

const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const bracket = 0x5b;
const brace = 0x7b;

/** Counts the values of one JSON text after another. */
export interface JsonValueCounter {
  /** Begins with another text. */
  reset(): void;
  /** Takes the next piece of a text. @throws ConnectError when it has too many values. */
  push(piece: Uint8Array): void;
}

/**
 * Creates a counter that refuses, with RESOURCE_EXHAUSTED, a text of more values than there
 * may be: each becomes an object or an entry of one before anybody knows what it is for, so
 * that a few MiB of `{},{},{},…` would stop a server for seconds and take a hundred times
 * their length.
 */
export function createJsonValueCounter(maxValues: number): JsonValueCounter {
  let count = 0;
  let isText = false;
  let isEscaped = false;
  return {
    reset() {
      count = 0;
      isText = false;
      isEscaped = false;
    },
    push(piece) {
      for (let index = 0; index < piece.length; index++) {
        const byte = piece[index];
        if (isText) {
          if (isEscaped) {
            isEscaped = false;
          } else if (byte === backslash) {
            isEscaped = true;
          } else if (byte === quote) {
            isText = false;
          }
        } else if (byte === quote) {
          isText = true;
        } else if (byte === comma || byte === brace || byte === bracket) {
          count += 1;
        }
      }
      if (count > maxValues) {
        throw new ConnectError(
          `the JSON has more than ${maxValues} values`,
          Code.ResourceExhausted,
        );
      }
    },
  };
}

/** Holds a whole message to the same limit, if it is JSON by its look. */
export function checkJsonValues(message: Uint8Array, maxValues: number): void {
  // In binary, these bytes would begin a group, which no contract has had since proto2.
  if (message[0] === brace || message[0] === bracket) {
    createJsonValueCounter(maxValues).push(message);
  }
}

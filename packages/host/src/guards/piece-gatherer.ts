import type { JsonValueCounter } from "./json-value-counter.ts";

/** From so many bytes on a piece is passed on as it is. */
const pieceBytes = 65_536;

/** Gathers the tiny pieces in which a body may arrive. */
export interface PieceGatherer {
  /** Takes the next piece of the body, and returns what is to be passed on, if anything. */
  push(piece: Uint8Array): Uint8Array | undefined;
  /** What is left when the body is over. */
  rest(): Uint8Array | undefined;
  /** Whether the body, if it is enveloped, stands behind a complete message, or at its start. */
  readonly isBetweenMessages: boolean;
}

/**
 * Creates a gatherer. A body of enveloped messages is passed on up to the end of the last
 * header or message that is complete, so that no message and no refusal of one waits; of
 * any other body, and within a message, pieces are gathered until they are worth passing on.
 *
 * Connect's reader of envelopes keeps a list of the pieces of a message and counts them
 * all with each new one: a message that arrives byte by byte costs the square of its
 * length, and hundreds of bytes of memory for each of its own.
 *
 * @param counter - shown each uncompressed message, as it arrives; what it throws is thrown
 */
export function createPieceGatherer(
  isEnveloped: boolean,
  counter?: Pick<JsonValueCounter, "reset" | "push">,
): PieceGatherer {
  let held = new Uint8Array(0);
  let heldBytes = 0;
  // Where in an envelope the body stands: 1 byte of flags, 4 of length, the message.
  let headerBytes = 0;
  let messageBytesLeft = 0;
  let isCompressed = false;

  /** How much of the piece reaches to the end of a header or a message. */
  function completeBytes(piece: Uint8Array): number {
    let complete = 0;
    for (let offset = 0; offset < piece.length; ) {
      if (headerBytes < 5) {
        // The first byte has the flags, and no part in the length.
        if (headerBytes === 0) {
          messageBytesLeft = 0;
          isCompressed = ((piece[offset] ?? 0) & 1) === 1;
          counter?.reset();
        } else {
          messageBytesLeft = messageBytesLeft * 256 + (piece[offset] ?? 0);
        }
        headerBytes++;
        offset++;
        complete = headerBytes === 5 ? offset : complete;
      } else {
        const taken = Math.min(messageBytesLeft, piece.length - offset);
        if (!isCompressed) {
          counter?.push(piece.subarray(offset, offset + taken));
        }
        messageBytesLeft -= taken;
        offset += taken;
      }
      if (headerBytes === 5 && messageBytesLeft === 0) {
        headerBytes = 0;
        complete = offset;
      }
    }
    return complete;
  }

  function hold(piece: Uint8Array): void {
    const neededBytes = heldBytes + piece.length;
    if (neededBytes > held.length) {
      const larger = new Uint8Array(Math.max(neededBytes, 2 * held.length));
      larger.set(held.subarray(0, heldBytes));
      held = larger;
    }
    held.set(piece, heldBytes);
    heldBytes = neededBytes;
  }

  function release(): Uint8Array | undefined {
    const released = heldBytes > 0 ? held.subarray(0, heldBytes) : undefined;
    held = new Uint8Array(0);
    heldBytes = 0;
    return released;
  }

  return {
    push(piece) {
      const complete = isEnveloped ? completeBytes(piece) : 0;
      if (!isEnveloped) {
        counter?.push(piece);
      }
      const released = heldBytes + piece.length >= pieceBytes ? piece.length : complete;
      if (heldBytes === 0 && released === piece.length) {
        return piece;
      }
      if (released === 0) {
        hold(piece);
        return undefined;
      }
      hold(piece.subarray(0, released));
      const gathered = release();
      hold(piece.subarray(released));
      return gathered;
    },
    rest: release,
    get isBetweenMessages() {
      return isEnveloped && headerBytes === 0;
    },
  };
}

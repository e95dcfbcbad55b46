import { Code, ConnectError } from "@connectrpc/connect";
import { asCallerFault } from "../calls/caller-fault.ts";
import { envelopeHeaderBytes } from "./envelope.ts";

const compressedFlag = 0b1;
const endStreamFlag = 0b10;

/**
 * Cuts what arrives of a request body into the messages that are complete. Bodies of
 * gRPC, gRPC-Web and Connect's streaming calls are enveloped alike
 * (https://connectrpc.com/docs/protocol#streaming-request,
 * https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#requests).
 */
export interface EnvelopeReader {
  /**
   * The messages that the chunk completes, as views of it where it holds them whole. Those
   * that come before one that breaks a rule are returned before that is told.
   *
   * @throws ConnectError for a message that is too large, compressed or misplaced.
   */
  read(chunk: Buffer): Uint8Array[];
  /** @throws ConnectError for what `read` has left to be told. */
  check(): void;
  /** @throws ConnectError as `read` does, and when the body ended in the middle of a message. */
  end(): void;
  /** How much is held of a message that is not complete, in bytes. */
  readonly heldBytes: number;
}

export function createEnvelopeReader(maxMessageBytes: number): EnvelopeReader {
  // What has arrived of a message that is not complete, and how long it has to be. It is
  // copied together: a list of pieces costs many times their size when they are tiny.
  let held = Buffer.alloc(0);
  let heldBytes = 0;
  let wantedBytes = 0;
  let failure: ConnectError | undefined;

  function messageBytes(header: Buffer, offset: number): number {
    const flags = header[offset] as number;
    const bytes = header.readUInt32BE(offset + 1);
    if (bytes > maxMessageBytes) {
      throw new ConnectError(
        `message size ${bytes} is larger than configured readMaxBytes ${maxMessageBytes}`,
        Code.ResourceExhausted,
      );
    }
    if (flags & compressedFlag) {
      throw new ConnectError(
        "received compressed envelope, but do not know how to decompress",
        Code.Internal,
      );
    }
    if (flags & endStreamFlag) {
      throw new ConnectError("unexpected end flag", Code.InvalidArgument);
    }
    return bytes;
  }

  function hold(piece: Buffer): void {
    const neededBytes = heldBytes + piece.length;
    if (neededBytes > held.length) {
      // Not as much as was announced: nobody may ever send that.
      const larger = Buffer.allocUnsafe(Math.max(neededBytes, 2 * held.length));
      held.copy(larger, 0, 0, heldBytes);
      held = larger;
    }
    piece.copy(held, heldBytes);
    heldBytes = neededBytes;
  }

  function check(): void {
    if (failure) {
      throw asCallerFault(failure);
    }
  }

  function release(): Buffer {
    const released = held.subarray(0, heldBytes);
    held = Buffer.alloc(0);
    heldBytes = 0;
    return released;
  }

  return {
    get heldBytes() {
      return heldBytes;
    },
    check,
    read(chunk) {
      check();
      let rest = chunk;
      if (heldBytes > 0) {
        hold(chunk);
        if (heldBytes < Math.max(wantedBytes, envelopeHeaderBytes)) {
          return [];
        }
        rest = release();
      }
      wantedBytes = 0;
      const messages: Uint8Array[] = [];
      let offset = 0;
      while (rest.length - offset >= envelopeHeaderBytes) {
        let end: number;
        try {
          end = offset + envelopeHeaderBytes + messageBytes(rest, offset);
        } catch (error) {
          if (messages.length === 0) {
            throw error;
          }
          failure = error as ConnectError;
          return messages;
        }
        if (end > rest.length) {
          wantedBytes = end - offset;
          break;
        }
        messages.push(rest.subarray(offset + envelopeHeaderBytes, end));
        offset = end;
      }
      if (offset < rest.length) {
        hold(rest.subarray(offset));
      }
      return messages;
    },
    end() {
      check();
      if (heldBytes > 0) {
        throw new ConnectError(
          wantedBytes > 0
            ? `protocol error: promised ${wantedBytes - envelopeHeaderBytes} bytes in enveloped message, got ${heldBytes - envelopeHeaderBytes} bytes`
            : "protocol error: incomplete envelope",
          Code.InvalidArgument,
        );
      }
    },
  };
}

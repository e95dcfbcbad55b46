import type { DescMethod } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { callerLeft } from "./caller-left.ts";
import { createEnvelopeReader } from "./envelope-reader.ts";
import type { LeanStream } from "./lean-stream.ts";

/**
 * Reads an enveloped body that has one message. Rejects with a ConnectError when it has
 * none, or more; does not settle when the body never ends.
 */
export function readSingleMessage<T>(
  stream: LeanStream,
  maxBytes: number,
  { methodKind }: DescMethod,
  decode: (message: Uint8Array) => T,
): Promise<T> {
  const envelopes = createEnvelopeReader(maxBytes);
  const messages: T[] = [];
  const misused = (what: string) =>
    new ConnectError(
      `protocol error: ${what} input message for ${methodKind.replace("_", "-")} method`,
      Code.Unimplemented,
    );
  return new Promise((resolve, reject) => {
    const onData = (chunk: Buffer) => {
      try {
        messages.push(...envelopes.read(chunk).map(decode));
        if (messages.length > 1) {
          throw misused("received extra");
        }
      } catch (error) {
        stream.pause();
        reject(error);
      }
    };
    stream.on("data", onData);
    stream.once("end", () => {
      // A response may live long: what read its request need not.
      stream.off("data", onData);
      try {
        envelopes.end();
        if (messages.length === 0) {
          throw misused("missing");
        }
        resolve(messages[0] as T);
      } catch (error) {
        reject(error);
      }
    });
  });
}

/** Reads a body that is one message. Does not settle when it never ends. */
export function readWholeBody<T>(
  stream: LeanStream,
  maxBytes: number,
  decode: (message: Uint8Array) => T,
): Promise<T> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  return new Promise((resolve, reject) => {
    stream.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > maxBytes) {
        stream.pause();
        reject(
          new ConnectError(
            `message size is larger than configured readMaxBytes ${maxBytes}`,
            Code.ResourceExhausted,
          ),
        );
      }
    });
    stream.once("end", () => {
      const [only] = chunks;
      try {
        resolve(decode(only && chunks.length === 1 ? only : Buffer.concat(chunks, bytes)));
      } catch (error) {
        reject(error);
      }
    });
  });
}

/**
 * Reads an enveloped body of any number of messages: all messages of one chunk at a time.
 * The stream is not read further while they are worked on.
 *
 * @throws ConnectError when the body breaks a rule, or breaks off.
 */
export async function* readMessageBatches<T>(
  stream: LeanStream,
  maxBytes: number,
  decode: (message: Uint8Array) => T,
  isEnded: () => boolean,
): AsyncGenerator<readonly T[]> {
  const envelopes = createEnvelopeReader(maxBytes);
  const chunks: Buffer[] = [];
  let finished = false;
  let wake = () => {};
  stream.on("data", (chunk: Buffer) => {
    chunks.push(chunk);
    stream.pause();
    wake();
  });
  stream.once("end", () => {
    finished = true;
    wake();
  });
  stream.once("close", () => wake());
  for (;;) {
    const chunk = chunks.shift();
    if (chunk) {
      const messages = envelopes.read(chunk);
      if (messages.length > 0) {
        yield messages.map(decode);
      }
    } else if (finished) {
      envelopes.end();
      return;
    } else if (isEnded() || stream.destroyed) {
      throw callerLeft();
    } else {
      stream.resume();
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  }
}

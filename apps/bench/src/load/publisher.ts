import type { ClientHttp2Session } from "node:http2";
import { grpcStatus, requestHeaders, type Target } from "./connection.ts";
import { EnvelopeSplitter } from "./envelopes.ts";
import { firstVarintField } from "./requests.ts";

/** An open UploadMessages call. */
export interface Publisher {
  /** Sends bytes as a DATA frame of their own, if they fit in one (16 KiB). */
  write(bytes: Buffer): void;
  /** Resolves when all has been handed to the connection, or the call has ended. */
  flushed(): Promise<void>;
  /**
   * Half-closes and resolves with how many messages the server says it received.
   * Rejects when the call failed.
   */
  end(): Promise<number>;
}

const answerTimeoutMs = 60_000;

/** Opens an UploadMessages call on a connection. */
export function openPublisher(session: ClientHttp2Session, target: Target): Publisher {
  const stream = session.request(requestHeaders(target, "UploadMessages"));
  const status = grpcStatus(stream);
  const splitter = new EnvelopeSplitter();
  let acknowledged: number | undefined;
  stream.on("data", (chunk: Buffer) =>
    splitter.push(chunk, (payload) => {
      acknowledged = firstVarintField(payload);
    }),
  );
  // Node joins what is written while an earlier write is on its way: a server would see
  // fewer and larger frames than the work says. So one write waits for the other.
  const queue: Buffer[] = [];
  let isWriting = false;
  let flush = Promise.withResolvers<void>();
  const next = () => {
    const bytes = stream.destroyed ? undefined : queue.shift();
    isWriting = bytes !== undefined;
    if (bytes === undefined) {
      flush.resolve();
    } else {
      stream.write(bytes, next);
    }
  };
  stream.on("close", next);

  return {
    write(bytes) {
      queue.push(bytes);
      if (!isWriting) {
        flush = Promise.withResolvers<void>();
        next();
      }
    },
    flushed: () => (isWriting ? flush.promise : Promise.resolve()),
    async end() {
      await this.flushed();
      stream.end();
      const timer = setTimeout(() => stream.destroy(new Error("time is up")), answerTimeoutMs);
      const code = await status;
      clearTimeout(timer);
      if (code !== "0" || acknowledged === undefined) {
        throw new Error(`UploadMessages ended with ${code}`);
      }
      return acknowledged;
    },
  };
}

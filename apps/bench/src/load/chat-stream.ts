import type { ClientHttp2Session } from "node:http2";
import { requestHeaders, type Target } from "./connection.ts";
import { EnvelopeCounter } from "./envelopes.ts";

/** An open Chat call that keeps messages in flight. */
export interface ChatStream {
  /** Sends the first messages; each echo then sends another, until `stop`. */
  start(): void;
  /** Sends no more; resolves when what was sent is answered. Rejects when the call breaks. */
  stop(): Promise<void>;
}

/** Opens a Chat call. */
export function openChatStream(
  session: ClientHttp2Session,
  target: Target,
  options: {
    readonly message: Buffer;
    readonly inFlight: number;
    /** Called with the time from a message's sending to its echo. */
    readonly onEcho: (durationMs: number) => void;
  },
): ChatStream {
  const stream = session.request(requestHeaders(target, "Chat"));
  const counter = new EnvelopeCounter();
  const { promise: idle, resolve, reject } = Promise.withResolvers<void>();
  // Whoever awaits it comes later.
  idle.catch(() => {});
  // Echoes come in the order of what they answer.
  const sentMs: number[] = [];
  let isStopping = false;
  const send = () => {
    sentMs.push(performance.now());
    stream.write(options.message);
  };
  stream.on("data", (chunk: Buffer) => {
    for (let count = counter.push(chunk); count > 0; count--) {
      const startMs = sentMs.shift();
      if (startMs === undefined) {
        continue;
      }
      options.onEcho(performance.now() - startMs);
      if (!isStopping) {
        send();
      } else if (sentMs.length === 0) {
        resolve();
      }
    }
  });
  stream.on("error", reject);
  stream.on("close", () => reject(new Error("a Chat call was closed")));
  return {
    start() {
      for (let index = 0; index < options.inFlight; index++) {
        send();
      }
    },
    stop() {
      isStopping = true;
      return sentMs.length === 0 ? Promise.resolve() : idle;
    },
  };
}

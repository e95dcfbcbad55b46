import type { ClientHttp2Session, ClientHttp2Stream } from "node:http2";
import { connectAll, disconnect, requestHeaders, type Target } from "./connection.ts";
import { EnvelopeCounter, EnvelopeSplitter } from "./envelopes.ts";
import { subscribeRequest } from "./requests.ts";

export interface SubscriptionsOptions {
  readonly subscribers: number;
  /** How many connections the subscriptions are spread over, evenly. */
  readonly connections: number;
  /** Whether to receive what the room holds already. Default: false. */
  readonly fromOldest?: boolean;
  /** Called with the number of messages that just came, welcomes excluded. */
  readonly onDeliveries?: (count: number) => void;
  /** Called with each message instead. */
  readonly onPayload?: (payload: Buffer) => void;
}

/** Open subscriptions. Each has received its welcome. */
export interface Subscriptions {
  /** How many of them ended, which none should. */
  readonly endedCount: number;
  /** Ends them with their connections. */
  close(): void;
}

const welcomeTimeoutMs = 60_000;
// A server takes a burst of new calls badly that no crowd of real clients would make.
const opensAtOnce = 500;

/** Opens subscriptions and resolves when each has received its welcome. */
export async function openSubscriptions(
  target: Target,
  options: SubscriptionsOptions,
): Promise<Subscriptions> {
  const sessions = await connectAll(target, options.connections);
  const state = { endedCount: 0, closing: false, lastError: "" };
  const request = subscribeRequest(options.fromOldest ?? false);
  const headers = requestHeaders(target, "SubscribeMessages");
  const open = (index: number) => {
    const session = sessions[index % sessions.length] as ClientHttp2Session;
    const stream = session.request(headers);
    stream.on("error", (error) => {
      state.lastError = error.message;
    });
    stream.on("trailers", (trailers) => {
      state.lastError = JSON.stringify(trailers);
    });
    stream.on("close", () => {
      state.endedCount++;
    });
    stream.end(request);
    return welcomed(stream, options, () => state.lastError);
  };
  for (let opened = 0; opened < options.subscribers; opened += opensAtOnce) {
    const batch = Math.min(opensAtOnce, options.subscribers - opened);
    await Promise.all(Array.from({ length: batch }, (_, index) => open(opened + index)));
  }
  return {
    get endedCount() {
      return state.endedCount;
    },
    close: () => disconnect(sessions),
  };
}

function welcomed(
  stream: ClientHttp2Stream,
  { onDeliveries, onPayload }: SubscriptionsOptions,
  lastError: () => string,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (reason: string) => {
      clearTimeout(timer);
      reject(new Error(`a subscription got no welcome: ${reason} ${lastError()}`));
    };
    const timer = setTimeout(() => fail("time is up"), welcomeTimeoutMs);
    stream.once("close", () => fail("it was closed"));
    let isWelcomed = false;
    const welcome = () => {
      isWelcomed = true;
      clearTimeout(timer);
      resolve();
    };
    if (onPayload) {
      const splitter = new EnvelopeSplitter();
      const receive = (payload: Buffer) => (isWelcomed ? onPayload(payload) : welcome());
      stream.on("data", (chunk: Buffer) => splitter.push(chunk, receive));
      return;
    }
    const counter = new EnvelopeCounter();
    stream.on("data", (chunk: Buffer) => {
      let count = counter.push(chunk);
      if (count === 0) {
        return;
      }
      if (!isWelcomed) {
        welcome();
        count--;
      }
      if (count > 0) {
        onDeliveries?.(count);
      }
    });
  });
}

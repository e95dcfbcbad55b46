import type { ClientHttp2Session } from "node:http2";
import type { UnaryCall } from "./unary-call.ts";

/** What {@link callInLoop} did. */
export interface CallsMade {
  readonly calls: number;
  readonly elapsedMs: number;
}

/**
 * Keeps a number of calls in flight on each connection, for a time, and resolves when the
 * last of them has ended. Rejects after a failed call: a rate of failures compares nothing.
 */
export function callInLoop(
  sessions: readonly ClientHttp2Session[],
  callsInFlight: number,
  call: UnaryCall,
  durationMs: number,
): Promise<CallsMade> {
  const startMs = performance.now();
  const endMs = startMs + durationMs;
  const { promise, resolve, reject } = Promise.withResolvers<CallsMade>();
  let open = 0;
  let calls = 0;
  const start = (session: ClientHttp2Session) => {
    open++;
    call.make(session, (failure) => {
      open--;
      if (failure !== undefined) {
        reject(new Error(`a call failed: ${failure}`));
        return;
      }
      calls++;
      const nowMs = performance.now();
      if (nowMs < endMs) {
        start(session);
      } else if (open === 0) {
        resolve({ calls, elapsedMs: nowMs - startMs });
      }
    });
  };
  for (const session of sessions) {
    for (let index = 0; index < callsInFlight; index++) {
      start(session);
    }
  }
  return promise;
}

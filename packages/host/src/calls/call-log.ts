import { Code } from "@connectrpc/connect";
import type { Call, CallEnd, CallObservation, CallObserver } from "./call.ts";
import { isCallerFault } from "./caller-fault.ts";

// What is the server's own fault, rather than something a caller is told by design.
const faults = new Set<Code>([Code.Unknown, Code.Internal, Code.DataLoss]);

/**
 * Creates what logs every call once, when it has ended, with the logger of its request:
 * method, protocol, HTTP version, code, duration in milliseconds, messages in both
 * directions, and peer. The level is error for what is the server's own fault or
 * has a cause that callers are not shown, else info; so is what is wrong with a request.
 */
export function createCallLog(): CallObserver {
  return (call) => new LoggedCall(call);
}

class LoggedCall implements CallObservation {
  readonly #call: Call;

  constructor(call: Call) {
    this.#call = call;
  }

  onEnd(end: CallEnd): void {
    const { service, method, protocol, request } = this.#call;
    const { error } = end;
    const fields = {
      method: `${service}/${method}`,
      protocol,
      http: request.httpVersion,
      code: codeOf(end),
      durationMs: Math.round(end.durationMs * 10) / 10,
      received: end.receivedCount,
      sent: end.sentCount,
      peer: request.peer,
    };
    if (error === undefined) {
      request.log.info(fields, "call");
    } else if (!isCallerFault(error) && (faults.has(error.code) || error.cause !== undefined)) {
      request.log.error({ ...fields, err: error.cause ?? error }, "call failed");
    } else {
      request.log.info({ ...fields, reason: error.rawMessage }, "call");
    }
  }
}

/** The code of a call as gRPC's libraries write it: "OK", "InvalidArgument" and so on. */
export function codeOf({ error }: Pick<CallEnd, "error">): string {
  return error === undefined ? "OK" : (Code[error.code] ?? "Unknown");
}

import { callInLoop } from "../load/closed-loop.ts";
import { connectAll, disconnect, type Protocol, type Target } from "../load/connection.ts";
import { hasH2load, runH2load } from "../load/h2load.ts";
import { sendMessageRequest } from "../load/requests.ts";
import { createUnaryCall, type UnaryCall } from "../load/unary-call.ts";
import { openUsageWindow } from "../load/usage-window.ts";
import { defineWork, type Sample, type Timing, type Work, type WorkCase } from "./work.ts";

interface UnaryParameters {
  readonly protocol: Protocol;
  readonly connections: number;
  readonly callsInFlight: number;
}

// The shortest answer of any contestant, an id, is longer.
const leastAnswerBytes = 5;

/** Unary calls, a number of them in flight on each connection. */
export const unary: Work = defineWork<UnaryParameters>({
  name: "unary",
  title: "Unary: SendMessage, each call answered",
  operation: "call",
  metrics: [{ key: "callsPerSecond", title: "calls/s", better: "higher" }],
  cases: [
    unaryCase("grpc", 1, 1),
    unaryCase("grpc", 8, 16, true),
    unaryCase("grpc", 64, 16),
    unaryCase("grpc-web", 1, 1),
    unaryCase("grpc-web", 8, 16),
    unaryCase("grpc-web", 64, 16),
    unaryCase("connect", 1, 1),
    unaryCase("connect", 8, 16, true),
    unaryCase("connect", 64, 16),
  ],
  needs: ({ protocol }) => ({ protocol, history: false }),

  async measure(target, parameters, timing) {
    const { protocol } = parameters;
    const call = createUnaryCall(target, "SendMessage", protocol, sendMessageRequest());
    // h2load knows nothing of statuses: only what answers rightly is given to it.
    const [session] = await connectAll(target, 1);
    try {
      await callInLoop(session ? [session] : [], 1, call, 1);
    } finally {
      disconnect(session ? [session] : []);
    }
    return hasH2load()
      ? measureByH2load(target, call, parameters, timing)
      : measureByNode(target, call, parameters, timing);
  },
});

async function measureByNode(
  target: Target,
  call: UnaryCall,
  { connections, callsInFlight }: UnaryParameters,
  { warmupMs, durationMs }: Timing,
): Promise<Sample> {
  const sessions = await connectAll(target, connections);
  try {
    await callInLoop(sessions, callsInFlight, call, warmupMs);
    const usage = await openUsageWindow(target);
    const { calls, elapsedMs } = await callInLoop(sessions, callsInFlight, call, durationMs);
    const elapsedSeconds = elapsedMs / 1_000;
    return {
      ...(await usage.close(calls, elapsedSeconds)),
      values: { callsPerSecond: calls / elapsedSeconds },
      count: calls,
      elapsedSeconds,
      lost: 0,
      repeated: 0,
      generator: "node",
    };
  } finally {
    disconnect(sessions);
  }
}

async function measureByH2load(
  target: Target,
  call: UnaryCall,
  { connections, callsInFlight }: UnaryParameters,
  { warmupMs, durationMs }: Timing,
): Promise<Sample> {
  if (warmupMs > 0) {
    await runH2load(target, call, { connections, callsInFlight, durationMs: warmupMs });
  }
  const startMs = performance.now();
  const usage = await openUsageWindow(target);
  const report = await runH2load(target, call, { connections, callsInFlight, durationMs });
  const elapsedSeconds = (performance.now() - startMs) / 1_000;
  const used = await usage.close(report.done, elapsedSeconds);
  if (report.failed > 0 || report.dataBytes < report.done * leastAnswerBytes) {
    throw new Error(`h2load: ${report.failed} of ${report.done} calls failed or were empty`);
  }
  return {
    ...used,
    values: { callsPerSecond: report.callsPerSecond },
    count: report.done,
    elapsedSeconds,
    lost: 0,
    repeated: 0,
    generator: "h2load",
  };
}

function unaryCase(
  protocol: Protocol,
  connections: number,
  callsInFlight: number,
  isQuick = false,
): WorkCase<UnaryParameters> {
  const names = { grpc: "gRPC", "grpc-web": "gRPC-Web", connect: "Connect" };
  return {
    name: `${names[protocol]}, ${connections} connection${connections === 1 ? "" : "s"} x ${callsInFlight}`,
    isQuick,
    parameters: { protocol, connections, callsInFlight },
  };
}

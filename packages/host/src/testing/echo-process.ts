import { fork } from "node:child_process";
import { once } from "node:events";
import type { Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { freePort } from "@parley/testing/free-port";
import type { HostLimits } from "../host.ts";
import { connectRaw } from "./raw-http2.ts";

/** The largest message that such a server takes. */
export const maxMessageBytes: number = 10 * 1024 * 1024;

/** What {@link startEchoProcess} tells the process that it starts. */
export interface EchoProcessOptions {
  readonly limits?: HostLimits;
  readonly tls?: { readonly key: string; readonly cert: string };
}

/** How an echo server stands, as far as memory goes after garbage collection. */
export interface EchoProcessState {
  /** What JavaScript holds, buffers included. */
  readonly usedBytes: number;
  /** The most that the process ever had in physical memory. */
  readonly peakResidentBytes: number;
  readonly connectionCount: number;
  readonly sessionCount: number;
  /** Errors that nobody handled. The process survives them, to tell of them. */
  readonly unhandled: readonly string[];
}

/** An echo server in a process of its own, so that its memory can be measured. */
export interface EchoProcess {
  readonly port: number;
  readonly url: string;
  /** A connection on which nothing happens by itself, once TLS has chosen the protocol. */
  connect(protocol: "h2" | "http/1.1"): Promise<Socket>;
  state(): Promise<EchoProcessState>;
  /** Resolves with the state once no more than so many connections are left. */
  settled(connectionCount: number): Promise<EchoProcessState>;
}

/** What the process is asked for. */
export type EchoProcessRequest =
  | { readonly kind: "start"; readonly port: number; readonly options: EchoProcessOptions }
  | { readonly kind: "settle"; readonly connectionCount: number };

async function overTls(socket: Socket, ca: string, protocol: string): Promise<Socket> {
  const secure = connectTls({ socket, ca, host: "127.0.0.1", ALPNProtocols: [protocol] });
  secure.on("error", () => {});
  await once(secure, "secureConnect");
  return secure;
}

/** Starts an echo server in a process of its own, gone when the test ends. */
export async function startEchoProcess(
  t: { after(callback: () => unknown): void },
  options: EchoProcessOptions = {},
): Promise<EchoProcess> {
  const port = await freePort();
  const child = fork(new URL("echo-process-main.ts", import.meta.url), {
    execArgv: ["--expose-gc"],
  });
  const exited = once(child, "exit");
  t.after(async () => {
    child.kill("SIGKILL");
    await exited;
  });
  const died = exited.then(([code, signal]) => {
    throw new Error(`the echo server died: ${code ?? signal}`);
  });
  died.catch(() => {});
  // One question at a time: an answer belongs to the last question.
  const ask = async (request: EchoProcessRequest): Promise<EchoProcessState> => {
    const answered = once(child, "message");
    child.send(request);
    const [state] = await Promise.race([answered, died]);
    return state as EchoProcessState;
  };
  await ask({ kind: "start", port, options });
  return {
    port,
    url: `${options.tls ? "https" : "http"}://127.0.0.1:${port}`,
    async connect(protocol) {
      const socket = await connectRaw(port);
      return options.tls ? overTls(socket, options.tls.cert, protocol) : socket;
    },
    state: () => ask({ kind: "settle", connectionCount: Number.MAX_SAFE_INTEGER }),
    settled: (connectionCount) => ask({ kind: "settle", connectionCount }),
  };
}

import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect as connectHttp2,
  type OutgoingHttpHeaders,
} from "node:http2";

/** Where the load goes. */
export interface Target {
  readonly port: number;
  /** The service's name in request paths, such as "chat.v1.ChatService". */
  readonly service: string;
  /** The server's process, whose CPU time and memory are measured with its children's. */
  readonly pid: number;
  /** Whether the parent process waits to be told when the measured time begins and ends. */
  readonly isObserved?: boolean;
}

/** The wire protocols of a unary call. */
export type Protocol = "grpc" | "grpc-web" | "connect";

const contentTypes: Record<Protocol, string> = {
  grpc: "application/grpc+proto",
  "grpc-web": "application/grpc-web+proto",
  connect: "application/proto",
};

// Large enough that the generator's windows are never what limits a server.
const streamWindowBytes = 4 * 1024 ** 2;
const sessionWindowBytes = 256 * 1024 ** 2;
const connectTimeoutMs = 20_000;
const connectsAtOnce = 100;

/** The request headers of a call. */
export function requestHeaders(
  target: Target,
  method: string,
  protocol: Protocol = "grpc",
): OutgoingHttpHeaders {
  return {
    ":method": "POST",
    ":path": `/${target.service}/${method}`,
    "content-type": contentTypes[protocol],
    ...(protocol === "grpc" ? { te: "trailers" } : {}),
    ...(protocol === "connect" ? { "connect-protocol-version": "1" } : {}),
  };
}

/** Opens an HTTP/2 connection and resolves once the server's settings are known. */
export function connect({ port }: Target): Promise<ClientHttp2Session> {
  return new Promise((resolve, reject) => {
    const session = connectHttp2(`http://127.0.0.1:${port}`, {
      settings: { enablePush: false, initialWindowSize: streamWindowBytes },
      maxSessionMemory: 4_000,
    });
    const timer = setTimeout(() => {
      session.destroy();
      reject(new Error(`no HTTP/2 settings within ${connectTimeoutMs} ms`));
    }, connectTimeoutMs);
    // Stays, so that a session that breaks later breaks its streams and nothing else.
    session.on("error", (error) => {
      clearTimeout(timer);
      reject(error);
    });
    // Without the settings, the client assumes a limit of 100 streams.
    session.once("remoteSettings", () => {
      clearTimeout(timer);
      session.setLocalWindowSize(sessionWindowBytes);
      resolve(session);
    });
  });
}

/** Opens several connections, a bounded number at a time. */
export async function connectAll(target: Target, count: number): Promise<ClientHttp2Session[]> {
  const sessions: ClientHttp2Session[] = [];
  while (sessions.length < count) {
    const batch = Math.min(connectsAtOnce, count - sessions.length);
    sessions.push(...(await Promise.all(Array.from({ length: batch }, () => connect(target)))));
  }
  return sessions;
}

/** Ends connections at once, with the calls on them. */
export function disconnect(sessions: readonly ClientHttp2Session[]): void {
  for (const session of sessions) {
    session.destroy();
  }
}

/**
 * Watches a gRPC call and resolves with its status: "0" for success, another code, or
 * what broke it. Never rejects. Does not read the stream.
 */
export function grpcStatus(stream: ClientHttp2Stream): Promise<string> {
  return new Promise((resolve) => {
    stream.on("response", (headers) => {
      if (headers[":status"] !== 200) {
        resolve(`HTTP ${headers[":status"]}`);
      } else if (headers["grpc-status"] !== undefined) {
        resolve(describeStatus(headers));
      }
    });
    stream.on("trailers", (trailers) => resolve(describeStatus(trailers)));
    stream.on("error", (error) => resolve(error.message));
    stream.on("close", () => resolve("closed without a status"));
  });
}

function describeStatus(headers: NodeJS.Dict<string | string[] | number> | object): string {
  const { "grpc-status": status, "grpc-message": message } = headers as Record<string, string>;
  return message && status !== "0" ? `${status} ${decodeURIComponent(message)}` : String(status);
}

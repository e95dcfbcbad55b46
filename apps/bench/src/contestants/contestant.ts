import type { Protocol } from "../load/connection.ts";

/** How to start a contestant's server. */
export interface Launch {
  readonly command: string;
  readonly args: readonly string[];
  /** Added to the environment; `PORT` is set besides. */
  readonly env?: NodeJS.ProcessEnv;
  /** Removes what the server left behind, once it has ended. */
  cleanUp?(): void;
}

/** A server that takes part. */
export interface Contestant {
  readonly name: string;
  /** What it is, in a line. */
  readonly description: string;
  /** What it speaks; a peer that is not known may speak anything. */
  readonly protocols: readonly Protocol[];
  /** Whether it keeps messages for readers that come later. */
  readonly keepsHistory: boolean;
  /** Whether what it launches is Node, which takes further flags before its arguments. */
  readonly isNode: boolean;
  /** The service's name in request paths. */
  readonly service: string;
  /**
   * Makes ready to start, builds for example. Resolves with the reason why it cannot take
   * part, or with undefined.
   *
   * @param note Told what takes long.
   * @param timeLimitMs How long it may take.
   */
  prepare?(note: (line: string) => void, timeLimitMs: number): Promise<string | undefined>;
  /** A server that listens on this port of 127.0.0.1, without TLS. */
  launch(port: number): Launch;
}

/** The service that the contestants serve. */
export const serviceName = "chat.v1.ChatService";

/** All protocols that can be measured. */
export const allProtocols: readonly Protocol[] = ["grpc", "grpc-web", "connect"];

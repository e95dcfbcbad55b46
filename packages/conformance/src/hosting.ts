import { createHost, type Host, type HostOptions } from "@parley/host";

/** The parts of a host that can be left out, to find the one that a failure is due to. */
export const optionalParts = [
  "cors",
  "grpc-web-text",
  "lean-path",
  "reflection",
  "unimplemented",
] as const;

/** One of {@link optionalParts}. */
export type OptionalPart = (typeof optionalParts)[number];

/** Options for {@link createHosting}: the host's, and parts to leave out. */
export interface HostingOptions extends HostOptions {
  /** Default: none. */
  readonly without?: readonly OptionalPart[];
}

/** A service on the host under test. */
export interface Hosting extends Host {
  /**
   * Drains and closes the server when its clients have no call open any more. Resolves
   * with false when the server held on to one, or to a connection, until it was destroyed.
   */
  end(): Promise<boolean>;
}

// Less than the conformance runner waits for a server to end.
const drainTimeoutMs = 4_000;

/** Hosts services as `createHost` does by default, less what is to be left out. */
export function createHosting({ without = [], ...options }: HostingOptions): Hosting {
  const isLeftOut = (part: OptionalPart) => without.includes(part);
  const host = createHost({
    ...options,
    ...(isLeftOut("cors") && { cors: false }),
    ...(isLeftOut("reflection") && { reflection: false }),
    leanPath: !isLeftOut("lean-path"),
    grpcWebText: !isLeftOut("grpc-web-text"),
    unimplemented: !isLeftOut("unimplemented"),
    drain: { timeoutMs: drainTimeoutMs },
    logger: false,
    processEvents: false,
  });
  return {
    ...host,
    async end() {
      const start = performance.now();
      await host.close();
      // Half of the time is when a drain begins to end calls by force.
      return performance.now() - start < drainTimeoutMs / 2;
    },
  };
}

/** Reads the values of a command's `--without` flags; throws for a part that there is not. */
export function parseParts(names: readonly string[]): OptionalPart[] {
  return names.map((name) => {
    const part = optionalParts.find((candidate) => candidate === name);
    if (part === undefined) {
      throw new Error(`--without ${name}: not one of ${optionalParts.join(", ")}`);
    }
    return part;
  });
}

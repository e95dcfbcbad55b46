/** Where a function of a CPU profile is defined. */
export interface CallFrame {
  readonly functionName: string;
  /** Empty where it is native, or made from a string. */
  readonly url: string;
  /** From 0; -1 where it is native. */
  readonly lineNumber: number;
}

/** The parts of a server that are not named after a package. */
export const parts = {
  idle: "idle",
  native: "native code (sockets, nghttp2)",
  reading: "native code that reads sockets",
  promises: "promises (V8)",
  collector: "garbage collector",
  http2: "node:http2",
  stream: "node:stream",
  events: "node:events",
  buffer: "node:buffer",
  node: "other node: modules",
  sqlite: "SQLite",
} as const;

// As V8 names them where they run: most of a public module is internal to Node.
const nodeModules: readonly (readonly [RegExp, string])[] = [
  [/^node:(internal\/)?http2\b/, parts.http2],
  [/^node:(internal\/streams|stream\b)/, parts.stream],
  [/^node:(internal\/)?events\b/, parts.events],
  [/^node:(internal\/)?buffer\b/, parts.buffer],
];
const sqliteMethods = /^(all|close|exec|get|iterate|next|prepare|run)$/;
const sqliteCallers = /\/sqlite\/[\w-]*\.[cm]?[jt]s$/;
const repository = new URL("../../../..", import.meta.url).href;

/**
 * Tells which part of a server a function belongs to: a part of Node, a package by its name,
 * a workspace package ("@parley/host"), "server" for this repository's server, "peer" for a
 * program that is measured beside it. What is native belongs to native code, unless it is
 * a method of a database or a statement, called by a file about SQLite. What was made from a
 * string belongs to its caller.
 *
 * @param caller The nearest function above it that has a file.
 */
export function partOf(
  { functionName, url, lineNumber }: CallFrame,
  caller: CallFrame | undefined,
): string {
  if (url === "") {
    switch (functionName) {
      case "(idle)":
        return parts.idle;
      case "(garbage collector)":
        return parts.collector;
      case "runMicrotasks":
        return parts.promises;
      default:
        if (lineNumber >= 0 && caller) {
          return partOf(caller, undefined);
        }
        return sqliteMethods.test(functionName) && sqliteCallers.test(caller?.url ?? "")
          ? parts.sqlite
          : parts.native;
    }
  }
  if (url.startsWith("node:")) {
    return nodeModules.find(([files]) => files.test(url))?.[1] ?? parts.node;
  }
  const [, npmPackage] = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url) ?? [];
  if (npmPackage !== undefined) {
    return npmPackage;
  }
  const [, kind, name] = /\/(packages|apps)\/([^/]+)\/(?:src|dist)\//.exec(url) ?? [];
  if (kind === "packages") {
    return `@parley/${name}`;
  }
  return name === "bench" ? "peer" : (name ?? "other");
}

/** Where a function is, as short as a reader can find it by: "host/src/frame.ts:12". */
export function shortLocation({ url, lineNumber }: CallFrame): string {
  if (url === "") {
    return "";
  }
  const short = url
    .replace(repository, "")
    .replace(/^.*\/node_modules\//, "")
    .replace(/^(packages|apps)\//, "")
    .replace(/^file:\/\/\//, "/");
  return `${short}:${lineNumber + 1}`;
}

import { Code, ConnectError } from "@connectrpc/connect";
import { UploadLineError } from "@parley/client";
import { PositionOutOfRangeSchema } from "@parley/proto/chat/v1";
import { BadRequestSchema } from "@parley/proto/google/rpc/error_details";
import { formatPosition } from "../input/position.ts";
import { ExitCode, exitCodeOfSignal } from "./exit-code.ts";

/** The command line or the input is not valid. The message is shown as it is. */
export class UsageError extends Error {
  override name = "UsageError";
}

/** The reason of an abort that a signal of the operating system caused. */
export class Interruption extends Error {
  override name = "Interruption";
  readonly signal: NodeJS.Signals;

  constructor(signal: NodeJS.Signals) {
    super(`interrupted by ${signal}`);
    this.signal = signal;
  }
}

/** What the user is told of a failure: one line, and what the process exits with. */
export interface FailureReport {
  readonly line: string;
  readonly exitCode: number;
}

/** Turns anything a command throws into the line and the exit code for the user. */
export function reportFailure(error: unknown, serverUrl: string): FailureReport {
  const interruption = findInChain(error, (link) => link instanceof Interruption);
  if (interruption) {
    return { line: "interrupted", exitCode: exitCodeOfSignal(interruption.signal) };
  }
  if (error instanceof UsageError || error instanceof UploadLineError) {
    return { line: error.message, exitCode: ExitCode.Usage };
  }
  const connectError = findInChain(error, (link) => link instanceof ConnectError);
  const connectionProblem = describeConnectionProblem(error);
  if (connectionProblem && connectError?.code !== Code.Canceled) {
    return {
      line: `cannot reach ${serverUrl}: ${connectionProblem}`,
      exitCode: ExitCode.Unavailable,
    };
  }
  if (connectError) {
    return reportConnectError(connectError, serverUrl);
  }
  const line = error instanceof Error ? error.message : String(error);
  return { line, exitCode: ExitCode.Failed };
}

/** Why a connection was lost, in a few words. */
export function describeLoss(error: ConnectError): string {
  return describeConnectionProblem(error) ?? error.rawMessage;
}

function reportConnectError(error: ConnectError, serverUrl: string): FailureReport {
  switch (error.code) {
    case Code.Unavailable:
      return { line: describeUnavailable(error, serverUrl), exitCode: ExitCode.Unavailable };
    case Code.DeadlineExceeded:
      return {
        line: `${serverUrl} did not answer in time (see --timeout)`,
        exitCode: ExitCode.DeadlineExceeded,
      };
    case Code.OutOfRange:
      return { line: describeOutOfRange(error), exitCode: ExitCode.OutOfRange };
    case Code.InvalidArgument:
      return { line: describeInvalidArgument(error), exitCode: ExitCode.Failed };
    default:
      return {
        line: `the server refused: ${error.rawMessage} (${codeName(error.code)})`,
        exitCode: ExitCode.Failed,
      };
  }
}

function describeUnavailable(error: ConnectError, serverUrl: string): string {
  // What a TLS server, or one of HTTP/1.1 alone, makes of a connection in cleartext HTTP/2.
  if (error.rawMessage.includes("error code CANCEL") && serverUrl.startsWith("http:")) {
    return `cannot reach ${serverUrl}: the connection was closed (is it https:// ?)`;
  }
  return `${serverUrl} is unavailable: ${error.rawMessage}`;
}

function describeOutOfRange(error: ConnectError): string {
  const oldest = error.findDetails(PositionOutOfRangeSchema)[0]?.oldest;
  return oldest
    ? `the room no longer keeps everything after that position; the oldest available is ${formatPosition(oldest)}`
    : `the position is out of range: ${error.rawMessage}`;
}

function describeInvalidArgument(error: ConnectError): string {
  const violations = error
    .findDetails(BadRequestSchema)
    .flatMap((detail) => detail.fieldViolations)
    .map((violation) => `${violation.field}: ${violation.description}`);
  return `the server refused: ${violations.join("; ") || error.rawMessage} (invalid argument)`;
}

function codeName(code: Code): string {
  return (Code[code] ?? `code ${code}`).replace(/(?<=[a-z])[A-Z]/g, " $&").toLowerCase();
}

const connectionProblems: Record<string, string> = {
  ECONNREFUSED: "connection refused",
  ECONNRESET: "connection reset",
  EPIPE: "connection closed",
  ENOTFOUND: "no such host",
  EAI_AGAIN: "the name service does not answer",
  ETIMEDOUT: "connection timed out",
  EHOSTUNREACH: "no route to host",
  ENETUNREACH: "network unreachable",
  EPROTO: "TLS and cleartext do not match (http:// or https://?)",
  ERR_HTTP2_ERROR: "it does not speak HTTP/2",
  ERR_SSL_WRONG_VERSION_NUMBER: "it does not speak TLS (use http://?)",
  ERR_SSL_PACKET_LENGTH_TOO_LONG: "it does not speak TLS (use http://?)",
  DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate is self-signed (trust it with --ca)",
  SELF_SIGNED_CERT_IN_CHAIN: "its certificate authority is not known (trust it with --ca)",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "its certificate authority is not known (trust it with --ca)",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "its certificate authority is not known (trust it with --ca)",
  CERT_HAS_EXPIRED: "its certificate has expired",
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate is for another host",
};

function describeConnectionProblem(error: unknown): string | undefined {
  for (const link of errorChain(error)) {
    const code = "code" in link ? link.code : undefined;
    const problem = typeof code === "string" ? connectionProblems[code] : undefined;
    if (problem) {
      return problem;
    }
  }
  return undefined;
}

function findInChain<T extends Error>(
  error: unknown,
  matches: (link: Error) => link is T,
): T | undefined {
  return errorChain(error).find(matches);
}

/** The error and all that caused it; of a connection tried on several addresses, each failure. */
function errorChain(error: unknown, seen: Set<unknown> = new Set()): Error[] {
  if (!(error instanceof Error) || seen.has(error)) {
    return [];
  }
  seen.add(error);
  const siblings = error instanceof AggregateError ? error.errors : [];
  return [
    error,
    ...siblings.flatMap((sibling) => errorChain(sibling, seen)),
    ...errorChain(error.cause, seen),
  ];
}

import { userInfo } from "node:os";
import { type Client, createClient, type Transport } from "@connectrpc/connect";
import { type ChatClient, createChatClient } from "@parley/client";
import { ChatService } from "@parley/proto/chat/v1";
import { type Command, InvalidArgumentError, Option } from "commander";
import { openTransport, type Protocol, parseServerUrl, protocols } from "./connection/transport.ts";
import { Interruption, reportFailure } from "./failures/errors.ts";
import { ExitCode } from "./failures/exit-code.ts";
import { maxRetrySeconds } from "./input/limits.ts";
import { createOutput, type Output } from "./output/output.ts";

/** What every command works with. */
export interface CommandContext {
  /** The client that retries, reconnects and resumes. */
  readonly chat: ChatClient;
  /** The contract as it is, for what should be seen as it happens. */
  readonly rpc: Client<typeof ChatService>;
  readonly output: Output;
  readonly user: string;
  readonly serverUrl: string;
  /** Aborts on SIGINT and SIGTERM, with an Interruption as its reason. */
  readonly signal: AbortSignal;
}

/** Runs the action of a command: the one way from the command line into the program. */
export type RunCommand = (
  command: Command,
  action: (context: CommandContext) => Promise<void>,
) => Promise<void>;

interface GlobalOptions {
  readonly server: string;
  readonly protocol: Protocol;
  readonly user: string;
  readonly json?: boolean;
  readonly timeout: number;
  readonly ca?: string;
  /** Of the command that has it. */
  readonly retry?: number;
}

/** Adds the options that all commands share. */
export function addGlobalOptions(program: Command): void {
  program
    .addOption(
      new Option("--server <url>", "where the server listens")
        .env("PARLEY_SERVER")
        .default("http://127.0.0.1:50051")
        .argParser(parseServerUrl),
    )
    .addOption(
      new Option("--protocol <name>", "how to talk to it, over HTTP/2 in each case")
        .env("PARLEY_PROTOCOL")
        .choices(protocols)
        .default("grpc"),
    )
    .addOption(
      new Option("--user <name>", "who you are")
        .env("PARLEY_USER")
        .default(systemUser(), "your name on this machine"),
    )
    .addOption(new Option("--ca <file>", "trust these certificate authorities (PEM)"))
    .addOption(
      new Option("--timeout <seconds>", "how long to wait for an answer")
        .default(10)
        .argParser(parseSeconds),
    )
    .addOption(new Option("--json", "print one JSON object a line, for scripts"));
}

/**
 * Runs a command's action with what its options ask for, tells the user of a
 * failure in one line, and sets the exit code. Never rejects.
 */
export async function runCommand(
  command: Command,
  action: (context: CommandContext) => Promise<void>,
): Promise<void> {
  const options = command.optsWithGlobals<GlobalOptions>();
  const interruption = listenForInterruption();
  let close: () => void = () => {};
  try {
    const opened = openTransport({
      serverUrl: options.server,
      protocol: options.protocol,
      caPath: options.ca,
    });
    close = opened.close;
    await action(createContext(options, opened.transport, interruption.signal));
  } catch (error) {
    const { signal } = interruption;
    const report = reportFailure(signal.aborted ? signal.reason : error, options.server);
    process.exitCode = report.exitCode;
    process.stderr.write(`parley: ${report.line}\n`);
    if (process.env.PARLEY_DEBUG) {
      console.error(error);
    }
  } finally {
    close();
    interruption.stop();
    // Input that nobody reads any more would keep the process.
    process.stdin.destroy();
  }
}

function createContext(
  options: GlobalOptions,
  transport: Transport,
  signal: AbortSignal,
): CommandContext {
  // In whole milliseconds a short time may be none at all.
  const timeoutMs = Math.max(1, options.timeout * 1_000);
  const retryForMs = (options.retry ?? maxRetrySeconds) * 1_000;
  return {
    // Somebody may sit there and wait.
    chat: createChatClient(transport, { timeoutMs, retryForMs, backoff: { maxMs: 5_000 } }),
    rpc: createClient(ChatService, transport),
    output: createOutput(options.json === true),
    user: options.user,
    serverUrl: options.server,
    signal,
  };
}

function listenForInterruption(): { signal: AbortSignal; stop(): void } {
  const controller = new AbortController();
  const onSignal = (signal: NodeJS.Signals) => {
    // Whoever asks twice does not want to wait for a graceful end.
    if (controller.signal.aborted) {
      process.exit(ExitCode.Interrupted);
    }
    controller.abort(new Interruption(signal));
  };
  process.on("SIGINT", onSignal).on("SIGTERM", onSignal);
  return {
    signal: controller.signal,
    stop: () => process.off("SIGINT", onSignal).off("SIGTERM", onSignal),
  };
}

/** Reads a number of seconds, fractions allowed. */
export function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (!(seconds > 0) || !Number.isFinite(seconds)) {
    throw new InvalidArgumentError("It takes a positive number of seconds.");
  }
  return seconds;
}

/** Reads a whole number from 1 on. */
export function parseCount(text: string): number {
  const count = Number(text);
  if (!/^\d+$/.test(text) || count < 1 || !Number.isSafeInteger(count)) {
    throw new InvalidArgumentError("It takes a whole number from 1 on.");
  }
  return count;
}

function systemUser(): string {
  try {
    return userInfo().username || "anonymous";
  } catch {
    // A container may run as a user that the system has no name for.
    return "anonymous";
  }
}

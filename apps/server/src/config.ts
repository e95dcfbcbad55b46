import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { fileURLToPath } from "node:url";
import { createOriginCheck } from "@parley/host/cors";
import { Command, InvalidArgumentError, Option } from "commander";
import { type SyncMode, syncModes } from "./log/sqlite/database.ts";

/** All that the server can be told, from flags and the environment. */
export interface Config {
  readonly host: string;
  readonly port: number;
  /** The data folder. */
  readonly data: string;
  readonly logLevel: string;
  readonly instanceId: string;
  /** Contents of the files; both or none. */
  readonly tls: { readonly key: string; readonly cert: string } | undefined;
  /** Origins whose pages may call. Undefined stands for localhost. */
  readonly corsOrigins: readonly string[] | undefined;
  readonly retentionMs: number;
  readonly retentionBytes: number;
  readonly idempotencyWindowMs: number;
  readonly presenceGraceMs: number;
  readonly tailBytes: number;
  readonly totalTailBytes: number;
  readonly drainTimeoutMs: number;
  readonly newEpoch: boolean;
  /** What an acknowledgement says of a message: it is on the disk, or with the system. */
  readonly sync: SyncMode;
  readonly leanPath: boolean;
  /** Where the web app was built to. Undefined serves none. */
  readonly webFolder: string | undefined;
}

const builtWebFolder = fileURLToPath(new URL("../../web/dist", import.meta.url));
const logLevels = ["trace", "debug", "info", "warn", "error", "fatal", "silent"];
const units = {
  duration: { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 },
  size: { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3, TiB: 1024 ** 4 },
};

/**
 * Reads flags and environment; flags win. Prints help or what is wrong with them
 * and ends the process: code 0 for help, 2 for an error.
 */
export function readConfig(args: readonly string[]): Config {
  const command = createCommand();
  command.parse(args, { from: "user" });
  const options = command.opts();
  if ((options.tlsKey === undefined) !== (options.tlsCert === undefined)) {
    command.error("error: --tls-key and --tls-cert go together");
  }
  return {
    host: options.host,
    port: options.port,
    data: options.data,
    logLevel: options.logLevel,
    instanceId: options.instanceId,
    tls: options.tlsKey && { key: options.tlsKey, cert: options.tlsCert },
    corsOrigins: options.corsOrigins,
    retentionMs: options.retentionAge,
    retentionBytes: options.retentionBytes,
    idempotencyWindowMs: options.idempotencyWindow,
    presenceGraceMs: options.presenceGrace,
    tailBytes: options.tailBytes,
    totalTailBytes: options.totalTailBytes,
    drainTimeoutMs: options.drainTimeout,
    newEpoch: options.newEpoch,
    sync: options.sync,
    leanPath: options.leanPath,
    webFolder: options.web === false ? undefined : options.web,
  };
}

function createCommand(): Command {
  const option = (flags: string, description: string, variable: string) =>
    new Option(flags, description).env(`PARLEY_${variable}`);
  return new Command("parley-server")
    .description(
      "Serves rooms as durable logs to gRPC, gRPC-Web and Connect clients on one port.\n" +
        "Durations are written like 500ms, 10s, 2m, 12h or 30d, sizes like 512KiB, 64MiB or 2GiB.",
    )
    .addOption(option("--host <address>", "address to listen on", "HOST").default("127.0.0.1"))
    .addOption(
      option("--port <number>", "port to listen on; 0 takes a free one", "PORT")
        .default(50051)
        .argParser(parsePort),
    )
    .addOption(
      option("--data <folder>", "data folder, made where it is missing", "DATA")
        .default("./data")
        .argParser(parseNonEmpty),
    )
    .addOption(
      option("--tls-key <file>", "serve TLS with this PEM private key", "TLS_KEY").argParser(
        readPem,
      ),
    )
    .addOption(
      option("--tls-cert <file>", "and this PEM certificate chain", "TLS_CERT").argParser(readPem),
    )
    .addOption(
      option(
        "--cors-origins <list>",
        "origins whose pages may call, separated by commas, or * for any; the server's own " +
          "always may, and those of localhost if this is left out",
        "CORS_ORIGINS",
      ).argParser(parseOrigins),
    )
    .addOption(
      option("--web <folder>", "serve the web app that was built to this folder at /", "WEB")
        .default(builtWebFolder, "apps/web/dist")
        .argParser(parseNonEmpty),
    )
    .addOption(new Option("--no-web", "serve no web app"))
    .addOption(
      option(
        "--sync <where>",
        "where a message is before it is acknowledged: on disk, or with the operating system, " +
          "which is faster, survives a killed server, but not a power failure",
        "SYNC",
      )
        .default("disk")
        .choices(syncModes),
    )
    .addOption(
      option("--retention-age <duration>", "how long a message is kept", "RETENTION_AGE")
        .default(0, "for ever")
        .argParser(parseDuration),
    )
    .addOption(
      option("--retention-bytes <size>", "how much of a room's text is kept", "RETENTION_BYTES")
        .default(0, "all")
        .argParser(parseSize),
    )
    .addOption(
      option(
        "--idempotency-window <duration>",
        "how long an idempotency key is remembered",
        "IDEMPOTENCY_WINDOW",
      )
        .default(120_000, "2m")
        .argParser(parseDuration),
    )
    .addOption(
      option(
        "--presence-grace <duration>",
        "how long after the last subscription closed a user leaves",
        "PRESENCE_GRACE",
      )
        .default(5_000, "5s")
        .argParser(parseDuration),
    )
    .addOption(
      option("--tail-bytes <size>", "newest messages of a room held in memory", "TAIL_BYTES")
        .default(1024 ** 2, "1MiB")
        .argParser(parseSize),
    )
    .addOption(
      option("--total-tail-bytes <size>", "the same for all rooms together", "TOTAL_TAIL_BYTES")
        .default(64 * 1024 ** 2, "64MiB")
        .argParser(parseSize),
    )
    .addOption(
      option(
        "--drain-timeout <duration>",
        "how long calls may take to end on SIGTERM or SIGINT",
        "DRAIN_TIMEOUT",
      )
        .default(10_000, "10s")
        .argParser(parseDuration),
    )
    .addOption(
      option("--instance-id <name>", "label of this server's metrics", "INSTANCE_ID")
        .default(hostname(), "the host's name")
        .argParser(parseNonEmpty),
    )
    .addOption(
      option("--log-level <level>", "least severe level to log", "LOG_LEVEL")
        .default("info")
        .choices(logLevels),
    )
    .addOption(
      new Option(
        "--new-epoch",
        "start a new epoch: do this once after restoring the data folder from an older copy",
      ).default(false),
    )
    .addOption(
      new Option(
        "--no-lean-path",
        "serve every call by Fastify and Connect's own handler, which is slower",
      ),
    )
    .allowExcessArguments(false)
    .configureOutput({
      outputError: (text, write) => write(text.replace(/^error: /, "parley-server: ")),
    })
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2));
}

function parsePort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (!(port <= 65_535)) {
    throw new InvalidArgumentError("It must be a whole number from 0 to 65535.");
  }
  return port;
}

function parseNonEmpty(text: string): string {
  if (text === "") {
    throw new InvalidArgumentError("It must not be empty.");
  }
  return text;
}

function parseOrigins(text: string): string[] {
  const origins = parseNonEmpty(text)
    .split(",")
    .map((origin) => origin.trim());
  try {
    createOriginCheck({ origins });
  } catch (error) {
    throw new InvalidArgumentError(`${(error as Error).message}.`);
  }
  return origins;
}

function parseDuration(text: string): number {
  return parseQuantity(text, units.duration, "a duration like 500ms, 10s, 2m, 12h or 30d");
}

function parseSize(text: string): number {
  return parseQuantity(text, units.size, "a size like 512KiB, 64MiB or 2GiB");
}

function parseQuantity(text: string, factors: Record<string, number>, wanted: string): number {
  const [, digits, unit = ""] = /^(\d+(?:\.\d+)?)\s*([A-Za-z]+)$/.exec(text) ?? [];
  const factor = factors[unit];
  if (digits === undefined || factor === undefined) {
    throw new InvalidArgumentError(`It must be ${wanted}.`);
  }
  return Math.round(Number(digits) * factor);
}

function readPem(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new InvalidArgumentError(`It cannot be read: ${(error as Error).message}.`);
  }
}

import { fileURLToPath } from "node:url";
import { Command, InvalidArgumentError, Option } from "commander";
import { contestants } from "./contestants/index.ts";
import { type PeerCommand, parsePeer } from "./contestants/peer.ts";
import { profiledCases } from "./profile/profiled-cases.ts";
import { works } from "./work/index.ts";

/** What a run was asked for. */
export interface Options {
  readonly isQuick: boolean;
  /** Whether to end within 3 minutes: what a quick run does that was not asked for more. */
  readonly isLimited: boolean;
  /** Whether to profile servers instead of comparing them. */
  readonly isProfile: boolean;
  /** Names of works; all when undefined. */
  readonly only: readonly string[] | undefined;
  /** Names of contestants; all when undefined, which never holds for a profile. */
  readonly contestants: readonly string[] | undefined;
  readonly rounds: number;
  readonly durationMs: number;
  readonly warmupMs: number;
  readonly baseline: string | undefined;
  /** The folder for the report's files. */
  readonly out: string;
  readonly peers: readonly PeerCommand[];
  /** The service's name in the paths of requests to peers. */
  readonly peerService: string;
}

const defaultOut = fileURLToPath(new URL("../results", import.meta.url));
const workNames = works.map(({ name }) => name);
const profiledNames = profiledCases.map(({ work }) => work.name);
const profiledByDefault = ["parley", "node-http2"];
const contestantNames = contestants.map(({ name }) => name);

const examples = `
Examples:
  npm run bench -- --quick
  npm run bench -- --only unary --contestants parley,grpc-js --rounds 7
  npm run bench -- --only fan-out,latency --baseline node-http2 --out /tmp/fan-out
  npm run bench -- --quick --peer "mine=./my-server --port {port}"
  npm run bench -- --profile --only fan-out,memory --contestants parley,grpc-js

Works:
${works.map(({ name, title }) => `  ${name.padEnd(16)} ${title}`).join("\n")}

Works that --profile looks into, one case each: ${profiledNames.join(", ")}.

Contestants:
${contestants.map(({ name, description }) => `  ${name.padEnd(16)} ${description}`).join("\n")}
`;

/**
 * Reads the command line. Prints help or what is wrong with it and ends the process: code 0
 * for help, 2 for an error.
 */
export function readOptions(args: readonly string[]): Options {
  const command = createCommand().exitOverride(({ exitCode }) =>
    process.exit(exitCode === 0 ? 0 : 2),
  );
  return parseOptions(args, command);
}

/** Reads the command line. Throws a `CommanderError` for help and for what is wrong. */
export function parseOptions(
  args: readonly string[],
  command: Command = createCommand().exitOverride(),
): Options {
  command.parse(args, { from: "user" });
  const options = command.opts();
  const isQuick: boolean = options.quick;
  const isProfile: boolean = options.profile;
  const [durationMs, warmupMs] = defaultTimes(isQuick, isProfile);
  const peers: readonly PeerCommand[] = options.peer;
  const known = [...contestantNames, ...peers.map(({ name }) => name)];
  for (const name of [...(options.contestants ?? []), options.baseline ?? known[0]]) {
    if (!known.includes(name)) {
      command.error(`error: there is no contestant ${name}: it is one of ${known.join(", ")}`);
    }
  }
  const only: readonly string[] | undefined = options.only;
  const unprofiled = isProfile && only?.find((name) => !profiledNames.includes(name));
  if (unprofiled) {
    command.error(
      `error: there is no profile of ${unprofiled}, but of ${profiledNames.join(", ")}`,
    );
  }
  return {
    isQuick,
    isLimited: isQuick && options.rounds === undefined && options.duration === undefined,
    isProfile,
    only,
    contestants: options.contestants ?? (isProfile ? profiledByDefault : undefined),
    rounds: options.rounds ?? (isQuick ? 1 : 5),
    durationMs: options.duration ?? durationMs,
    warmupMs: options.warmup ?? warmupMs,
    baseline: options.baseline,
    out: options.out,
    peers,
    peerService: options.peerService,
  };
}

function defaultTimes(isQuick: boolean, isProfile: boolean): [number, number] {
  if (isQuick) {
    return [500, 700];
  }
  // More time makes more samples; and no profile of code that is still being compiled.
  return isProfile ? [3_000, 2_000] : [2_000, 700];
}

/** The command line as such. */
export function createCommand(): Command {
  return new Command("bench")
    .description(
      "Measures servers of the chat contract side by side, on this machine, with one load " +
        "generator. Prints tables and writes bench.json, bench.md and bench.svg.",
    )
    .option(
      "--quick",
      "few sizes, short measurements; ends within 3 minutes unless --rounds or --duration asks for more",
      false,
    )
    .option(
      "--profile",
      "show where servers on Node spend time and memory instead; writes profile.json and profile.md",
      false,
    )
    .addOption(
      new Option("--only <works>", "measure only these, comma-separated").argParser(parseWorks),
    )
    .addOption(
      new Option(
        "--contestants <names>",
        "let only these take part, comma-separated (default: all; profile: parley,node-http2)",
      ).argParser(splitList),
    )
    .addOption(
      new Option(
        "--rounds <n>",
        "how often to measure everything (default: 5, quick: 1)",
      ).argParser(parseCount),
    )
    .addOption(
      new Option(
        "--duration <ms>",
        "length of a measurement (default: 2000, quick: 500, profile: 3000)",
      ).argParser(parseCount),
    )
    .addOption(
      new Option(
        "--warmup <ms>",
        "work before it is measured (default: 700, profile: 2000)",
      ).argParser(parseCount),
    )
    .option(
      "--baseline <name>",
      "what ratios refer to (default: grpc-go, or grpc-js where it is left out)",
    )
    .option("--out <folder>", "where to write the files", defaultOut)
    .addOption(
      new Option(
        "--peer <name=command>",
        "another server: a shell command that listens on $PORT, or {port}; repeatable",
      )
        .default([], "none")
        .argParser(addPeer),
    )
    .option(
      "--peer-service <name>",
      "the service in the paths of requests to peers",
      "chat.v1.ChatService",
    )
    .allowExcessArguments(false)
    .addHelpText("after", examples)
    .configureOutput({
      outputError: (text, write) => write(text.replace(/^error: /, "bench: ")),
    });
}

function splitList(text: string): string[] {
  return text.split(",").map((name) => name.trim());
}

function parseWorks(text: string): string[] {
  const names = splitList(text);
  const unknown = names.find((name) => !workNames.includes(name));
  if (unknown !== undefined) {
    throw new InvalidArgumentError(`${unknown} is none of ${workNames.join(", ")}.`);
  }
  return names;
}

function parseCount(text: string): number {
  if (!/^[1-9]\d{0,6}$/.test(text)) {
    throw new InvalidArgumentError("It must be a whole number from 1.");
  }
  return Number(text);
}

function addPeer(text: string, earlier: readonly PeerCommand[]): PeerCommand[] {
  const peer = parsePeer(text);
  if (peer === undefined) {
    throw new InvalidArgumentError("It must be a name, =, and a command.");
  }
  if ([...contestantNames, ...earlier.map(({ name }) => name)].includes(peer.name)) {
    throw new InvalidArgumentError(`There is a contestant ${peer.name} already.`);
  }
  return [...earlier, peer];
}

import { execFile } from "node:child_process";
import { cpSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const source = fileURLToPath(new URL("go-client", import.meta.url));
const contract = fileURLToPath(
  new URL("../../../../packages/proto/fixtures/original/chat.proto", import.meta.url),
);

/** What the Go client received of a call, as protobuf's JSON has it. */
export interface GoClientLine {
  readonly call: string;
  readonly received: Readonly<Record<string, unknown>>;
}

/**
 * Builds the Go client of the original contract in an empty folder, with generated code, and
 * returns the program's path. Needs go and buf on the PATH, and the Go module proxy when it is
 * built for the first time on a machine.
 */
export async function buildGoClient(folder: string): Promise<string> {
  const cwd = join(folder, "go-client");
  cpSync(source, cwd, { recursive: true });
  // A folder of the package's name: so buf and Go's generators want it.
  mkdirSync(join(cwd, "proto/chat"), { recursive: true });
  cpSync(contract, join(cwd, "proto/chat/chat.proto"));
  await run("buf", ["generate", "proto"], { cwd });
  const program = join(folder, "go-client-program");
  await run("go", ["build", "-o", program, "."], { cwd });
  return program;
}

/** Runs the Go client against a server until it has ended; rejects when a call failed. */
export async function runGoClient(program: string, address: string): Promise<GoClientLine[]> {
  const { stdout } = await run(program, [address]);
  return stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as GoClientLine);
}

import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { type Contestant, serviceName } from "./contestant.ts";

const source = fileURLToPath(new URL("../../go", import.meta.url));
const cache = fileURLToPath(new URL("../../.cache", import.meta.url));
const repository = fileURLToPath(new URL("../../../..", import.meta.url));
const proto = join(repository, "proto");
const buf = join(repository, "node_modules/.bin/buf");

const run = promisify(execFile);
let program = "";

/** A server made with grpc-go and generated code, built when it is first needed. */
export const grpcGo: Contestant = {
  name: "grpc-go",
  description: "grpc-go with generated code, in memory, channels of 100 per subscriber",
  protocols: ["grpc"],
  keepsHistory: false,
  isNode: false,
  service: serviceName,
  async prepare(note, timeLimitMs) {
    try {
      await run("go", ["version"]);
    } catch {
      return "Go is not on the PATH";
    }
    program = join(cache, `grpc-go-${fingerprint()}`);
    if (!existsSync(program)) {
      note("building the grpc-go server");
      try {
        await build(program, timeLimitMs);
      } catch (error) {
        return `it cannot be built: ${(error as Error).message.trim()}`;
      }
    }
    return undefined;
  },
  launch: () => ({ command: program, args: [] }),
};

/** Changes with the program's source and the contract. */
function fingerprint(): string {
  const hash = createHash("sha256");
  for (const name of readdirSync(source).sort()) {
    hash.update(readFileSync(join(source, name)));
  }
  hash.update(readFileSync(join(proto, "chat/v1/chat.proto")));
  return hash.digest("hex").slice(0, 16);
}

async function build(target: string, timeLimitMs: number): Promise<void> {
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, "build-"));
  const bin = join(folder, "bin");
  const options = {
    cwd: folder,
    signal: AbortSignal.timeout(timeLimitMs),
    env: {
      ...process.env,
      GOBIN: bin,
      PATH: `${bin}${delimiter}${process.env.PATH}`,
    },
  };
  try {
    cpSync(source, folder, { recursive: true });
    // The generators, in the versions that go.mod names.
    await run("go", ["install", "tool"], options);
    await run(buf, ["generate", "--template", "buf.gen.yaml", proto], options);
    await run("go", ["build", "-o", "server", "."], options);
    renameSync(join(folder, "server"), target);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

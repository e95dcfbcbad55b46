import { execFile, type SpawnOptions, spawnSync } from "node:child_process";
import { cpSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const sibling = fileURLToPath(new URL("../../../../../shared/original", import.meta.url));

/**
 * The folder of the original Go service, which is no part of this repository: it
 * holds go.mod, client/main.go and proto/chat/chat.proto. Undefined where there
 * is none.
 */
export const originalFolder: string | undefined = [process.env.PARLEY_ORIGINAL_DIR, sibling].find(
  (folder) => folder && existsSync(join(folder, "client", "main.go")),
);

const plugins = {
  "protoc-gen-go": "google.golang.org/protobuf/cmd/protoc-gen-go",
  "protoc-gen-go-grpc": "google.golang.org/grpc/cmd/protoc-gen-go-grpc",
};

/**
 * Builds the original client, with code generated from the original contract and
 * the newest grpc-go, in an empty folder, and returns the program's path. Needs
 * go and buf on the PATH, and the Go module proxy.
 */
export async function buildOriginalGoClient(from: string, folder: string): Promise<string> {
  const bin = join(folder, "bin");
  const options: SpawnOptions & { cwd: string } = {
    cwd: folder,
    env: { ...process.env, GOBIN: bin, PATH: `${process.env.PATH}${delimiter}${bin}` },
  };
  for (const part of ["go.mod", "client", "proto"]) {
    cpSync(join(from, part), join(folder, part), { recursive: true });
  }
  const source = join(folder, "client", "main.go");
  writeFileSync(source, mendImports(readFileSync(source, "utf8")));

  for (const [name, path] of Object.entries(plugins)) {
    if (spawnSync("which", [name]).status !== 0) {
      await run("go", ["install", `${path}@latest`], options);
    }
  }
  const template = {
    version: "v2",
    inputs: [{ directory: "proto" }],
    plugins: Object.keys(plugins).map((local) => ({
      local,
      out: "proto",
      opt: "paths=source_relative",
    })),
  };
  await run("buf", ["generate", "--template", JSON.stringify(template)], options);
  await run("go", ["get", "google.golang.org/grpc@latest"], options);
  const program = join(bin, "client");
  await run("go", ["build", "-mod=mod", "-o", program, "./client"], options);
  return program;
}

/** Adds and drops imports of the standard library, as printed sources need it; nothing else. */
function mendImports(source: string): string {
  const [, head = "", imports = "", body = ""] =
    /^(.*?\nimport \(\n)(.*?)(\n\).*)$/s.exec(source) ?? [];
  const uses = (name: string) => new RegExp(`\\b${name}\\.[A-Z]`).test(body);
  const standard = ["context", "fmt", "io", "log", "net", "sync", "time"].filter(uses);
  const others = imports.split("\n").filter((line) => !/^\s*"[a-z/]+"$/.test(line));
  return [head, ...standard.map((name) => `\t"${name}"\n`), others.join("\n"), body].join("");
}

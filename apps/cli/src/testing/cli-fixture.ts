import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, type TestContext } from "node:test";
import { freePort } from "@parley/testing/free-port";
import { type ServerProcess, startServerProcess } from "@parley/testing/server-process";
import { type ParleyProcess, type ParleyResult, runParley, startParley } from "./run-parley.ts";

/** The command and a server of its own, for all tests of a file. */
export interface CliFixture {
  /** Runs `parley` against the server until it ends. */
  run(args: readonly string[], input?: string): Promise<ParleyResult>;
  /** Starts `parley` against the server; it is killed after the test if it still runs. */
  start(t: TestContext, args: readonly string[]): ParleyProcess;
}

/** Starts a server process before the tests of the calling file and stops it after them. */
export function useCli(): CliFixture {
  const data = mkdtempSync(join(tmpdir(), "parley-cli-"));
  let server: ServerProcess | undefined;
  before(async () => {
    server = await startServerProcess(["--port", String(await freePort()), "--data", data]);
  });
  after(async () => {
    await server?.stop();
    rmSync(data, { recursive: true, force: true });
  });
  const env = () => ({ PARLEY_SERVER: server?.url });
  return {
    run: (args, input) => runParley(args, input, env()),
    start(t, args) {
      const parley = startParley(args, env());
      t.after(() => parley.child.kill("SIGKILL"));
      return parley;
    },
  };
}

/** The objects that `--json` printed. */
export function objectsOf(stdout: string): Record<string, unknown>[] {
  return stdout
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line));
}

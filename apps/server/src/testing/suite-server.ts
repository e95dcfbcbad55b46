import { after, before, type TestContext } from "node:test";
import { type ServerProcess, startServerProcess } from "@parley/testing/server-process";
import { temporaryFolder } from "@parley/testing/temporary-folder";

export interface SuiteServerOptions {
  /** In place of a free port. */
  readonly port?: number;
  /** More flags, made when the server is about to start; takes a folder for their files. */
  readonly flags?: (folder: string) => readonly string[];
}

/**
 * Within a suite: a server in a process and an empty folder of its own, from
 * before the suite's first test until after its last. The function returned is
 * for its hooks and tests.
 */
export function suiteServer(options: SuiteServerOptions = {}): () => ServerProcess {
  let server: ServerProcess | undefined;
  const started = () => {
    if (!server) {
      throw new Error("the server has not started");
    }
    return server;
  };
  after(() => server?.stop());
  const folder = temporaryFolder({ after: after as TestContext["after"] });
  before(async () => {
    server = await startServerProcess([
      ...["--data", folder, "--port", String(options.port ?? 0), "--log-level", "info"],
      ...(options.flags?.(folder) ?? []),
    ]);
  });
  return started;
}

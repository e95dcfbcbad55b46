import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { allProtocols, type Contestant, serviceName } from "./contestant.ts";

const mainPath = fileURLToPath(new URL("../../../server/src/main.ts", import.meta.url));
const stockFlag = "--no-lean-path";

/** This repository's server, as it is run. */
export const parley: Contestant = createParley("parley", "Parley, which stores every message", []);

/** The same without its shortcut around Fastify and Connect. */
export const parleyStock: Contestant = {
  ...createParley("parley-stock", "Parley with every call through Fastify and Connect", [
    stockFlag,
  ]),
  async prepare() {
    const { stdout } = spawnSync(process.execPath, [mainPath, "--help"], { encoding: "utf8" });
    return stdout.includes(stockFlag) ? undefined : `the server has no flag ${stockFlag}`;
  },
};

function createParley(name: string, description: string, flags: readonly string[]): Contestant {
  return {
    name,
    description,
    protocols: allProtocols,
    keepsHistory: true,
    isNode: true,
    service: serviceName,
    launch(port) {
      const data = mkdtempSync(join(tmpdir(), "bench-parley-"));
      const fixed = ["--port", `${port}`, "--data", data];
      return {
        command: process.execPath,
        args: [mainPath, ...fixed, ...flags],
        cleanUp: () => rmSync(data, { recursive: true, force: true }),
      };
    },
  };
}

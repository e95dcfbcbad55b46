import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { temporaryFolder } from "@parley/testing/temporary-folder";

/** A server on loopback that answers GET and POST of "/" with a body. */
export interface H2specTarget {
  readonly port: number;
  readonly tls: boolean;
  /** For example "http2/5.1/6". Default: all. */
  readonly cases?: readonly string[];
}

export interface H2specResult {
  readonly caseCount: number;
  /** The cases that passed, neither failed nor skipped, by section and number. */
  readonly passed: ReadonlySet<string>;
}

/** Runs h2spec (https://github.com/summerwind/h2spec), which must be on the PATH. */
export async function runH2spec(
  t: Pick<TestContext, "after">,
  { port, tls, cases = [] }: H2specTarget,
): Promise<H2specResult> {
  const report = join(temporaryFolder(t), "report.xml");
  const child = spawn(
    "h2spec",
    [
      ["--host", "127.0.0.1", "--port", `${port}`, "--path", "/", "--junit-report", report],
      ["--timeout", "2", ...(tls ? ["--tls", "--insecure"] : []), ...cases],
    ].flat(),
    { stdio: "ignore" },
  );
  t.after(() => child.kill("SIGKILL"));
  // Its exit code tells that some case failed, as some do with any server on nghttp2.
  await once(child, "close");
  return parseReport(await readFile(report, "latin1"));
}

function parseReport(xml: string): H2specResult {
  const counts = new Map<string, number>();
  const passed = new Set<string>();
  let caseCount = 0;
  for (const [, section = "", outcome = ""] of xml.matchAll(
    /<testcase package="([^"]*)"[^>]*>(.*?)<\/testcase>/gs,
  )) {
    const index = (counts.get(section) ?? 0) + 1;
    counts.set(section, index);
    caseCount++;
    if (outcome === "") {
      passed.add(`${section}/${index}`);
    }
  }
  return { caseCount, passed };
}

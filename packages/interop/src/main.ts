import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";
import { ensureGoTool, requirePrograms } from "@parley/conformance/go-tool";
import { createHosting, parseParts } from "@parley/conformance/hosting";
import { createCertificate } from "@parley/testing/certificate";
import { TestService } from "./gen/grpc/testing/test_pb.ts";
import { type TestCase, testCases } from "./test-cases.ts";
import { createTestService } from "./test-service.ts";

// Runs gRPC's interoperability tests against the hosting, in cleartext and over TLS. Ends
// with the line "N passed, N failed", and with failure unless all cases passed. A server that
// does not end by itself after its last case counts as a failed case, and so does one whose
// lean path has not served the calls that it should have.

const clientTool = { path: "google.golang.org/grpc/interop/client", version: "v1.85.0" };
const caseTimeoutMs = 120_000;

const { values: flags } = parseArgs({
  options: {
    // Leaves a part of the hosting out.
    without: { type: "string", multiple: true, default: [] },
    // The names of the cases to run.
    run: { type: "string", multiple: true, default: [] },
  },
});
const without = parseParts(flags.without);
const cases = testCases.filter(({ name }) => flags.run.length === 0 || flags.run.includes(name));

requirePrograms("interop", "go", "openssl");
const client = ensureGoTool(clientTool, fileURLToPath(new URL("../.tools", import.meta.url)));
const run = promisify(execFile);
let passed = 0;
let failed = 0;

const folder = mkdtempSync(join(tmpdir(), "interop-"));
try {
  const { key, cert } = createCertificate();
  const certFile = join(folder, "cert.pem");
  writeFileSync(certFile, cert);
  await runCases("h2c", undefined, []);
  await runCases("tls", { key, cert }, ["--use_tls", "--use_test_ca", `--ca_file=${certFile}`]);
} finally {
  rmSync(folder, { recursive: true });
}
process.stdout.write(`${passed} passed, ${failed} failed\n`);
// Each case runs on both transports.
process.exitCode = failed === 0 && passed > 0 && passed === 2 * cases.length ? 0 : 1;

async function runCases(
  transport: string,
  tls: { readonly key: string; readonly cert: string } | undefined,
  transportFlags: readonly string[],
): Promise<void> {
  const { app, drain, end, leanPath } = createHosting({
    routes: (router) => router.service(TestService, createTestService(`parley over ${transport}`)),
    tls,
    without,
  });
  await app.listen({ host: "127.0.0.1", port: 0 });
  const { port } = app.server.address() as AddressInfo;
  const addressFlags = ["--server_host=127.0.0.1", `--server_port=${port}`, ...transportFlags];

  for (const testCase of cases) {
    await check(`${transport} ${testCase.name}`, () => runClient(testCase, addressFlags));
  }
  // The cases that cancel a call or let it time out are over for the server, too.
  const callCount = drain.callCount;
  const hasEnded = await end();
  if (callCount > 0 || !hasEnded) {
    fail(`${transport}: ${callCount} calls are left, has ended: ${hasEnded}`);
  }
  const served = leanPath?.callCount ?? 0;
  const most = sum(cases, ({ callCount }) => (without.includes("lean-path") ? 0 : callCount));
  const lost = sum(cases, ({ mayNotArrive }) => (mayNotArrive ? 1 : 0));
  if (served > most || served < most - lost) {
    fail(`${transport}: the lean path served ${served} calls; ${most} were made`);
  }
}

function sum(of: readonly TestCase[], countOf: (testCase: TestCase) => number): number {
  return of.reduce((total, testCase) => total + countOf(testCase), 0);
}

function fail(message: string): void {
  failed++;
  process.stdout.write(`FAILED: ${message}\n`);
}

async function runClient({ name, flags = [] }: TestCase, addressFlags: readonly string[]) {
  try {
    await run(client, [`--test_case=${name}`, ...addressFlags, ...flags], {
      timeout: caseTimeoutMs,
    });
  } catch (error) {
    const { stderr, stdout, message } = error as Error & { stdout: string; stderr: string };
    throw new Error(`${stdout}${stderr}` || message);
  }
}

async function check(name: string, action: () => Promise<void>): Promise<void> {
  const start = performance.now();
  try {
    await action();
    passed++;
    process.stdout.write(`passed: ${name} (${Math.round(performance.now() - start)} ms)\n`);
  } catch (error) {
    fail(`${name}\n${(error as Error).message}`);
  }
}

import assert from "node:assert/strict";
import { hostname } from "node:os";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { type Config, readConfig } from "./config.ts";

const second = 1_000;
const day = 24 * 60 * 60 * second;

test("what nobody said is as documented", () => {
  assert.deepEqual(readConfig([]), {
    host: "127.0.0.1",
    port: 50_051,
    data: "./data",
    logLevel: "info",
    instanceId: hostname(),
    tls: undefined,
    corsOrigins: undefined,
    retentionMs: 0,
    retentionBytes: 0,
    idempotencyWindowMs: 120 * second,
    presenceGraceMs: 5 * second,
    tailBytes: 1024 ** 2,
    totalTailBytes: 64 * 1024 ** 2,
    drainTimeoutMs: 10 * second,
    newEpoch: false,
    sync: "disk",
    leanPath: true,
    webFolder: fileURLToPath(new URL("../../web/dist", import.meta.url)),
  } satisfies Config);
});

const cases: [flag: string, text: string, key: keyof Config, value: unknown][] = [
  ["--host", "::1", "host", "::1"],
  ["--port", "0", "port", 0],
  ["--port", "65535", "port", 65_535],
  ["--data", "/srv/a b", "data", "/srv/a b"],
  ["--sync", "system", "sync", "system"],
  ["--retention-age", "30d", "retentionMs", 30 * day],
  ["--retention-age", "1.5h", "retentionMs", day / 16],
  ["--retention-bytes", "2GiB", "retentionBytes", 2 * 1024 ** 3],
  ["--retention-bytes", "0B", "retentionBytes", 0],
  ["--idempotency-window", "90 s", "idempotencyWindowMs", 90 * second],
  ["--presence-grace", "0ms", "presenceGraceMs", 0],
  ["--tail-bytes", "512KiB", "tailBytes", 512 * 1024],
  ["--total-tail-bytes", "1TiB", "totalTailBytes", 1024 ** 4],
  ["--drain-timeout", "2m", "drainTimeoutMs", 120 * second],
  ["--web", "/srv/web", "webFolder", "/srv/web"],
  ["--instance-id", "one", "instanceId", "one"],
  ["--log-level", "silent", "logLevel", "silent"],
];
for (const [flag, text, key, value] of cases) {
  const variable = `PARLEY_${flag.slice(2).toUpperCase().replaceAll("-", "_")}`;
  test(`${flag} ${text}, and ${variable}`, (t) => {
    assert.equal(readConfig([flag, text])[key], value);
    assert.equal(readConfig([`${flag}=${text}`])[key], value);
    process.env[variable] = text;
    t.after(() => delete process.env[variable]);
    assert.equal(readConfig([])[key], value);
  });
}

test("flags win over the environment", (t) => {
  process.env.PARLEY_PORT = "1";
  t.after(() => delete process.env.PARLEY_PORT);
  assert.equal(readConfig(["--port", "2"]).port, 2);
});

test("switches", () => {
  assert.equal(readConfig(["--new-epoch"]).newEpoch, true);
  assert.equal(readConfig(["--no-lean-path"]).leanPath, false);
  assert.equal(readConfig(["--no-web"]).webFolder, undefined);
});

test("key and certificate are read", () => {
  const file = fileURLToPath(new URL("../package.json", import.meta.url));
  const { tls } = readConfig(["--tls-key", file, "--tls-cert", file]);
  assert.match(tls?.key ?? "", /@parley\/server/);
  assert.equal(tls?.cert, tls?.key);
});

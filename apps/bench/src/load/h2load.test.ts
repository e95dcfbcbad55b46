import assert from "node:assert/strict";
import { test } from "node:test";
import { parseH2load } from "./h2load.ts";

test("h2load's report is read", () => {
  const report = `starting benchmark...
finished in 3.01s, 12345.67 req/s, 1.66MB/s
requests: 37037 total, 37165 started, 37037 done, 37000 succeeded, 37 failed, 37 errored, 0 timeout
status codes: 37000 2xx, 0 3xx, 0 4xx, 37 5xx
traffic: 4.98MB (5222304) total, 1.02MB (1074089) headers (space savings 90.53%), 3.11MB (3259256) data
                     min         max         mean         sd        +/- sd
`;
  assert.deepEqual(parseH2load(report), {
    callsPerSecond: 12_345.67,
    done: 37_037,
    failed: 37,
    dataBytes: 3_259_256,
  });
  assert.throws(() => parseH2load("unable to connect"), /unable to connect/);
});

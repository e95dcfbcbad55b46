import assert from "node:assert/strict";
import { test } from "node:test";
import { sampleReport } from "../testing/sample-report.ts";
import { formatReport } from "./table.ts";

test("a report is laid out as tables", () => {
  assert.equal(
    formatReport(sampleReport),
    `Some <processor>, 2 cores, Linux 6, Node v26.0.0
medians of 1 to 3 rounds of 2 ms; ratios to peer
left out: grpc-go: Go is not on the PATH

Fan-out: <all> & sundry
          deliveries/s        min..max  x peer  p50 ms  CPU s/M deliveries  RSS MB  load cores         lost
10 subscribers
  parley        2.00 M  1.00 M..3.00 M    4.00    1.00                1.25    50.0       0.500            0
  peer           500 k    500 k..500 k    1.00    3.00                1.25    50.0       0.500  10 (1.00 %)
  peer failed: a <call> failed

Time was up.
`,
  );
});

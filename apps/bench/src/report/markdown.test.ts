import assert from "node:assert/strict";
import { test } from "node:test";
import { sampleReport } from "../testing/sample-report.ts";
import { formatMarkdown } from "./markdown.ts";

test("a report is written as GitHub's tables", () => {
  assert.equal(
    formatMarkdown(sampleReport),
    `- Some &lt;processor>, 2 cores, Linux 6, Node v26.0.0
- medians of 1 to 3 rounds of 2 ms; ratios to peer
- left out: grpc-go: Go is not on the PATH

**Fan-out: &lt;all> & sundry**

| case           | contestant | deliveries/s |       min..max | x peer | p50 ms | CPU s/M deliveries | RSS MB | load cores |        lost |
| -------------- | ---------- | -----------: | -------------: | -----: | -----: | -----------------: | -----: | ---------: | ----------: |
| 10 subscribers | parley     |       2.00 M | 1.00 M..3.00 M |   4.00 |   1.00 |               1.25 |   50.0 |      0.500 |           0 |
|                | peer       |        500 k |   500 k..500 k |   1.00 |   3.00 |               1.25 |   50.0 |      0.500 | 10 (1.00 %) |

- 10 subscribers: peer failed: a &lt;call> failed

Time was up.
`,
  );
});

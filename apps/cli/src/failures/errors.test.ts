import assert from "node:assert/strict";
import { test } from "node:test";
import { Code, ConnectError } from "@connectrpc/connect";
import { PositionOutOfRangeSchema } from "@parley/proto/chat/v1";
import { Interruption, reportFailure, UsageError } from "./errors.ts";

const url = "http://chat.example";

test("each kind of failure has its line and its exit code", () => {
  const refused = Object.assign(new Error("connect"), { code: "ECONNREFUSED" });
  const outOfRange = new ConnectError("gone", Code.OutOfRange);
  outOfRange.details = [
    { desc: PositionOutOfRangeSchema, value: { oldest: { epoch: "e2", sequence: 9n } } },
  ];
  const cases: [unknown, number, RegExp][] = [
    [new UsageError("line 1: no"), 2, /^line 1: no$/],
    [new Interruption("SIGINT"), 130, /^interrupted$/],
    [new Interruption("SIGTERM"), 143, /^interrupted$/],
    [
      new ConnectError("x", Code.Unavailable, undefined, undefined, refused),
      3,
      /^cannot reach http:\/\/chat.example: connection refused$/,
    ],
    [new AggregateError([refused]), 3, /connection refused/],
    [new ConnectError("draining", Code.Unavailable), 3, /is unavailable: draining$/],
    [outOfRange, 4, /the oldest available is e2\/9$/],
    [new ConnectError("x", Code.DeadlineExceeded), 5, /did not answer in time/],
    [
      new ConnectError("no", Code.PermissionDenied),
      1,
      /^the server refused: no \(permission denied\)$/,
    ],
    [new Error("oops"), 1, /^oops$/],
  ];
  for (const [error, exitCode, line] of cases) {
    const report = reportFailure(error, url);
    assert.match(report.line, line);
    assert.equal(report.exitCode, exitCode, report.line);
  }
});

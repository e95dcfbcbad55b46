import assert from "node:assert/strict";
import { test } from "node:test";
import { parseUploadLine } from "../index.ts";

const defaults = { room: "lobby", user: "me" };

function parse(text: string, room: string | undefined = defaults.room) {
  return parseUploadLine({ number: 3, text }, { ...defaults, room });
}

test("what a line does not say comes from the defaults", () => {
  assert.deepEqual(parse('{"content":"hi"}'), { room: "lobby", user: "me", content: "hi" });
  const all = `{"room":"r","user":"u","content":"c","idempotencyKey":"k","timestamp":"2020-01-01T00:00:00+01:00"}`;
  assert.deepEqual(parse(all), {
    room: "r",
    user: "u",
    content: "c",
    idempotencyKey: "k",
    timestamp: new Date("2019-12-31T23:00:00Z"),
  });
});

test("takes what history --json prints", () => {
  const line = `{"id":"msg_1","user":"u","content":"c","room":"r","timestamp":"2020-01-01T00:00:00Z","type":"CHAT","sequence":"4","idempotencyKey":"","epoch":"e"}`;
  assert.deepEqual(parse(line), {
    room: "r",
    user: "u",
    content: "c",
    timestamp: new Date("2020-01-01T00:00:00Z"),
  });
});

test("tells the line and what is wrong with it", () => {
  const problems: [string, RegExp][] = [
    ["nonsense", /^line 3: not a JSON object$/],
    ["[1]", /^line 3: not a JSON object$/],
    ["null", /not a JSON object/],
    ["{}", /no "content"/],
    ['{"content":""}', /no "content"/],
    ['{"content":7}', /"content" is not a string/],
    ['{"contnet":"x"}', /unknown field "contnet"/],
    ['{"content":"x","type":"JOIN"}', /"type" is not "CHAT"/],
    [`{"content":"x","user":"${"u".repeat(129)}"}`, /"user" has more than 128 characters/],
    ['{"content":"x","timestamp":"yesterday"}', /"timestamp" is not an RFC 3339 time/],
    ['{"content":"x","timestamp":"2020-13-01T00:00:00Z"}', /"timestamp" is not an RFC 3339 time/],
  ];
  for (const [text, message] of problems) {
    assert.throws(() => parse(text), { name: "UploadLineError", message }, text);
  }
  assert.throws(() => parse('{"content":"x"}', ""), /no "room", and none is set for all lines/);
});

import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { CommanderError } from "commander";
import { createCommand, parseOptions } from "./options.ts";

suite("options", () => {
  test("a full run is the default", () => {
    const options = parse();
    assert.equal(options.isQuick, false);
    assert.equal(options.isProfile, false);
    assert.equal(options.only, undefined);
    assert.equal(options.contestants, undefined);
    assert.equal(options.rounds, 5);
    assert.match(options.out, /results$/);
    assert.deepEqual(options.peers, []);
  });

  test("a quick run is shorter, unless told otherwise", () => {
    assert.ok(parse("--quick").durationMs < parse().durationMs);
    assert.equal(parse("--quick", "--rounds", "9").rounds, 9);
    assert.ok(parse("--quick").isLimited);
    assert.ok(!parse("--quick", "--rounds", "9").isLimited);
    assert.ok(!parse().isLimited);
    assert.equal(parse("--quick", "--duration", "3000").durationMs, 3_000);
  });

  test("works, contestants and a baseline are chosen by name", () => {
    const options = parse("--only", "unary, fan-out", "--contestants", "parley,grpc-js");
    assert.deepEqual(options.only, ["unary", "fan-out"]);
    assert.deepEqual(options.contestants, ["parley", "grpc-js"]);
    assert.equal(parse("--baseline", "node-http2").baseline, "node-http2");
  });

  test("peers take part under their names", () => {
    const options = parse("--peer", "mine=./server -p {port}", "--contestants", "parley,mine");
    assert.deepEqual(options.peers, [{ name: "mine", command: "./server -p {port}" }]);
  });

  test("a quick run warms up as long as a full one", () => {
    assert.equal(parse("--quick").warmupMs, parse().warmupMs);
  });

  test("a profile is of two servers, unless told otherwise", () => {
    const options = parse("--profile");
    assert.equal(options.isProfile, true);
    assert.deepEqual(options.contestants, ["parley", "node-http2"]);
    assert.deepEqual(parse("--profile", "--contestants", "grpc-js").contestants, ["grpc-js"]);
    assert.deepEqual(parse("--profile", "--only", "memory").only, ["memory"]);
    assert.ok(options.durationMs > parse().durationMs);
    assert.ok(parse("--profile", "--quick").durationMs < options.durationMs);
  });

  for (const args of [
    ["--profile", "--only", "latency"],
    ["--only", "nothing"],
    ["--contestants", "nobody"],
    ["--baseline", "nobody"],
    ["--rounds", "0"],
    ["--rounds", "many"],
    ["--peer", "no command"],
    ["--peer", "parley=./server"],
    ["--unknown"],
    ["extra"],
  ]) {
    test(`${args.join(" ")} is refused`, () => {
      assert.throws(() => parse(...args), CommanderError);
    });
  }

  test("help shows examples, works and contestants", () => {
    let help = "";
    const command = createCommand().exitOverride();
    command.configureOutput({ writeOut: (text) => (help += text) });
    assert.throws(() => parseOptions(["--help"], command), CommanderError);
    assert.match(help, /npm run bench -- --quick/);
    assert.match(help, /--profile/);
    assert.match(help, /fan-out/);
    assert.match(help, /node-http2/);
  });
});

function parse(...args: string[]) {
  const command = createCommand().exitOverride();
  command.configureOutput({ writeErr() {} });
  return parseOptions(args, command);
}

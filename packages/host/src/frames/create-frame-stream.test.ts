import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { type EchoResponse, EchoResponseSchema } from "../gen/testing/v1/echo_pb.ts";
import { createFrameStream } from "./create-frame-stream.ts";
import { frameMessages } from "./envelope.ts";
import { type FrameSink, writeFrames } from "./frame-stream.ts";

function frames(...texts: string[]): Buffer {
  return frameMessages(
    texts.map((text) => toBinary(EchoResponseSchema, create(EchoResponseSchema, { text }))),
  );
}

/** A stream whose writer is this test; `events` tells what its sink told the source. */
function openFrameStream() {
  const caller = new AbortController();
  const sinks: FrameSink[] = [];
  const events: string[] = [];
  const stream = createFrameStream(
    EchoResponseSchema,
    (sink) => {
      sinks.push(sink);
      sink.source = {
        onDrain: () => void events.push("drain"),
        onClose: () => void events.push("close"),
      };
    },
    caller,
  );
  const iterator = stream[Symbol.asyncIterator]() as AsyncGenerator<EchoResponse>;
  const next = async () => {
    const { done, value } = await iterator.next();
    return done ? "done" : value.text;
  };
  const begin = () => {
    const first = next();
    return { first, sink: sinks[0] as FrameSink };
  };
  return { stream, iterator, next, begin, sinks, events, caller };
}

suite("a stream over frames, iterated", () => {
  test("is written only when somebody reads", async () => {
    const { sinks, iterator, events } = openFrameStream();
    assert.equal(sinks.length, 0);
    await iterator.return(undefined);
    assert.deepEqual(await iterator.next(), { done: true, value: undefined });
    assert.deepEqual([sinks.length, events.length], [0, 0]);
  });

  test("yields the messages of each write, then ends", async () => {
    const { begin, next, events } = openFrameStream();
    const { first, sink } = begin();
    sink.write(frames("a", "b"), 2);
    assert.equal(await first, "a");
    assert.equal(await next(), "b");
    const third = next();
    sink.write(frames("c"), 1);
    sink.end();
    assert.equal(sink.write(frames("late"), 1), false);
    assert.equal(sink.messageCount, 3);
    assert.deepEqual([await third, await next(), await next()], ["c", "done", "done"]);
    assert.deepEqual(
      events.filter((event) => event === "close"),
      ["close"],
    );
  });

  test("is full as long as it holds something, and asks for more when it is read", async () => {
    const { begin, next, events } = openFrameStream();
    const { first, sink } = begin();
    assert.equal(sink.isFull, false);
    assert.equal(sink.write(frames("a", "b"), 2), false);
    assert.equal(await first, "a");
    assert.equal(sink.isFull, true);
    assert.equal(await next(), "b");
    assert.deepEqual([sink.isFull, events], [false, []], "nobody waits for more yet");
    const third = next();
    assert.deepEqual(events, ["drain"]);
    sink.write(frames("c"), 1);
    assert.equal(await third, "c");
  });

  test("keeps what is written although it is full", async () => {
    const { begin, next } = openFrameStream();
    const { first, sink } = begin();
    sink.write(frames("a"), 1);
    sink.write(frames("b", ""), 2);
    sink.write(frames("c"), 1);
    assert.deepEqual([await first, await next(), await next(), await next()], ["a", "b", "", "c"]);
  });

  test("rejects with what it failed with, after what was written", async () => {
    const { begin, next, events } = openFrameStream();
    const { first, sink } = begin();
    const error = new ConnectError("enough", Code.OutOfRange);
    sink.write(frames("a"), 1);
    sink.fail(error);
    sink.fail(new Error("another"));
    assert.equal(await first, "a");
    await assert.rejects(next(), (thrown) => thrown === error);
    assert.equal(await next(), "done");
    assert.deepEqual(events, ["close"]);
  });

  test("rejects who waits, when it fails or what writes it throws", async () => {
    const { begin } = openFrameStream();
    const { first, sink } = begin();
    sink.fail(new Error("no"));
    await assert.rejects(first, /^Error: no$/);
    const broken = createFrameStream(
      EchoResponseSchema,
      () => {
        throw new Error("a bug");
      },
      new AbortController(),
    );
    await assert.rejects(broken[Symbol.asyncIterator]().next(), /a bug/);
  });

  test("several who wait are served in order", async () => {
    const { begin, next } = openFrameStream();
    const { first, sink } = begin();
    const more = [next(), next()];
    sink.write(frames("a", "b"), 2);
    sink.end();
    assert.deepEqual(await Promise.all([first, ...more]), ["a", "b", "done"]);
  });

  for (const way of ["return", "throw"] as const) {
    test(`${way} closes its source and lets go of who waits`, async () => {
      const { begin, next, iterator, events } = openFrameStream();
      const { first, sink } = begin();
      const error = new Error("not any more");
      if (way === "return") {
        assert.deepEqual(await iterator.return(undefined), { done: true, value: undefined });
      } else {
        await assert.rejects(iterator.throw(error), (thrown) => thrown === error);
      }
      assert.equal(await first, "done");
      assert.equal(sink.write(frames("late"), 1), false);
      sink.end();
      assert.equal(await next(), "done");
      assert.deepEqual(events, ["close"]);
      assert.equal(sink.source, undefined);
    });
  }

  test("a caller that leaves closes its source, with its reason", async () => {
    const { begin, next, events, caller } = openFrameStream();
    const { first, sink } = begin();
    sink.write(frames("a", "b"), 2);
    assert.equal(await first, "a");
    caller.abort(new ConnectError("gone", Code.Canceled));
    assert.deepEqual(events, ["close"]);
    await assert.rejects(next(), { code: Code.Canceled });
    assert.equal(await next(), "done");
  });

  test("a caller that had left is not written to", async () => {
    const { next, sinks, caller } = openFrameStream();
    caller.abort(new ConnectError("gone", Code.Canceled));
    await assert.rejects(next(), { code: Code.Canceled });
    assert.equal(sinks.length, 0);
  });

  test("does not look at the signal of a call whose frames are written", () => {
    const call = {
      get signal(): AbortSignal {
        throw new Error("it was looked at");
      },
    };
    let written: unknown;
    const sink = {} as FrameSink;
    const write = (to: FrameSink) => {
      written = to;
    };
    createFrameStream(EchoResponseSchema, write, call)[writeFrames](sink);
    assert.equal(written, sink);
  });
});

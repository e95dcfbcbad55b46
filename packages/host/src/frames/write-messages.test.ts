import assert from "node:assert/strict";
import { test } from "node:test";
import { create, type Message, toBinary } from "@bufbuild/protobuf";
import { type EchoResponse, EchoResponseSchema } from "../gen/testing/v1/echo_pb.ts";
import type { FrameSink, FrameSource } from "./frame-stream.ts";
import { writeMessages } from "./write-messages.ts";

function encode(message: Message): Uint8Array {
  return toBinary(EchoResponseSchema, message as EchoResponse);
}

/** Tells what was done to it. */
function createSink() {
  const events: unknown[] = [];
  const sink: FrameSink = {
    source: undefined as FrameSource | undefined,
    isFull: false,
    messageCount: 0,
    write: (_, messageCount) => {
      events.push(messageCount);
      return true;
    },
    end: () => void events.push("end"),
    fail: (error) => void events.push(error),
  };
  return { sink, events };
}

test("messages are written as they come, then the sink is ended", async () => {
  const { sink, events } = createSink();
  async function* messages() {
    yield create(EchoResponseSchema, { text: "a" });
    yield create(EchoResponseSchema, { text: "b" });
  }
  await writeMessages(sink, messages(), encode);
  assert.deepEqual(events, [1, 1, "end"]);
});

test("whatever throws fails the sink, and nothing else", async () => {
  const error = new Error("a bug");
  const fail = () => {
    throw error;
  };
  const one = { done: false, value: create(EchoResponseSchema) } as const;
  const broken: Record<string, AsyncIterable<Message>> = {
    "what begins the iteration": { [Symbol.asyncIterator]: fail },
    "the iteration": { [Symbol.asyncIterator]: () => ({ next: fail }) },
    "what ends the iteration too": { [Symbol.asyncIterator]: () => ({ next: fail, return: fail }) },
  };
  for (const [what, messages] of Object.entries(broken)) {
    const { sink, events } = createSink();
    await writeMessages(sink, messages, encode);
    assert.deepEqual(events, [error], what);
  }
  const { sink, events } = createSink();
  const endless = { [Symbol.asyncIterator]: () => ({ next: async () => one, return: fail }) };
  await writeMessages(sink, endless, fail);
  assert.deepEqual(events, [error], "what encodes");
});

test("a call that ends gives the iteration up, whatever that throws", async () => {
  const { sink, events } = createSink();
  const pending = Promise.withResolvers<IteratorResult<Message>>();
  let returns = 0;
  const messages = {
    [Symbol.asyncIterator]: () => ({
      next: () => pending.promise,
      return() {
        returns += 1;
        throw new Error("a bug");
      },
    }),
  };
  const writing = writeMessages(sink, messages, encode);
  sink.source?.onClose();
  pending.resolve({ done: true, value: undefined });
  await writing;
  assert.deepEqual([returns, events.length], [1, 0]);
});

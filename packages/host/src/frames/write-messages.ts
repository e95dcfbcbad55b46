import type { Message } from "@bufbuild/protobuf";
import { frameMessages } from "./envelope.ts";
import type { FrameSink } from "./frame-stream.ts";

/**
 * Writes messages to a sink as they come, and ends it. When the call ends before that, the
 * iteration is told to return, and nobody waits for what it is in the midst of. Does not
 * reject: whatever throws fails the sink.
 *
 * @param encode - may throw, which ends the call
 */
export async function writeMessages(
  sink: FrameSink,
  messages: AsyncIterable<Message>,
  encode: (message: Message) => Uint8Array,
): Promise<void> {
  let iterator: AsyncIterator<Message> | undefined;
  let hasClosed = false;
  let wake = () => {};
  // Not awaited: a generator returns only once what it awaits has settled.
  const stop = () => void giveUp(iterator);
  sink.source = {
    onDrain: () => wake(),
    onClose() {
      hasClosed = true;
      stop();
      wake();
    },
  };
  try {
    iterator = messages[Symbol.asyncIterator]();
    while (!hasClosed) {
      const result = await iterator.next();
      if (hasClosed) {
        return;
      }
      if (result.done) {
        sink.end();
        return;
      }
      const hasRoom = sink.write(frameMessages([encode(result.value)]), 1);
      if (!hasRoom && !hasClosed) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  } catch (error) {
    if (!hasClosed) {
      stop();
      sink.fail(error);
    }
  }
}

/** Ends an iteration whose messages nobody wants any more, nor what it has to say of that. */
async function giveUp(iterator: AsyncIterator<Message> | undefined): Promise<void> {
  try {
    await iterator?.return?.();
  } catch {}
}

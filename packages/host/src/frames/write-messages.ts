import type { Message } from "@bufbuild/protobuf";
import { frameMessages } from "./envelope.ts";
import type { FrameSink } from "./frame-stream.ts";

/**
 * Writes messages to a sink as they come, and ends it. None is asked for while the sink is
 * full. When the call ends before that, the iteration is told to return, and nobody waits for
 * what it is in the midst of. Does not reject: whatever the messages are, the sink is told.
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
  const awake = () =>
    new Promise<void>((resolve) => {
      wake = resolve;
    });
  sink.source = {
    onDrain: () => wake(),
    onClose() {
      hasClosed = true;
      stop(iterator);
      wake();
    },
  };
  try {
    iterator = messages[Symbol.asyncIterator]();
    while (!hasClosed) {
      if (sink.isFull) {
        await awake();
        continue;
      }
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
        await awake();
      }
    }
  } catch (error) {
    if (!hasClosed) {
      sink.fail(error);
    }
  }
}

/** Not awaited: a generator returns only once what it awaits has settled. */
async function stop(iterator: AsyncIterator<Message> | undefined): Promise<void> {
  try {
    await iterator?.return?.();
  } catch {
    // The call has ended: nobody is left to be told.
  }
}

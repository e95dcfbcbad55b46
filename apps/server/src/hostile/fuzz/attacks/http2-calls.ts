import type { Random } from "../random.ts";
import { randomCall } from "../requests/fuzz-call.ts";
import { mutateBytes } from "../requests/mutate-bytes.ts";
import { http2Call, http2Fields } from "../requests/write-call.ts";
import {
  dataFrame,
  dataFrames,
  type Field,
  flag,
  headersFrame,
  prefaceWith,
  resetFrame,
} from "../wire/http2-frames.ts";
import { type Attack, inPieces, leave, receive, type Step, send, wait } from "./attack.ts";

/** The frames of several calls, those of each call in order. */
function interleave(random: Random, calls: readonly (readonly Buffer[])[]): Buffer[] {
  const queues = calls.map((frames) => [...frames]);
  // Streams must be opened in order.
  let opened = 0;
  const frames: Buffer[] = [];
  for (;;) {
    const ready = queues.filter((queue, index) => queue.length > 0 && index <= opened);
    if (ready.length === 0) {
      return frames;
    }
    const queue = random.pick(ready);
    opened = Math.max(opened, queues.indexOf(queue) + 1);
    frames.push(queue.shift() as Buffer);
  }
}

/** Frames in segments of one or more of them. */
function inSegments(random: Random, frames: readonly Buffer[]): Step[] {
  const steps: Step[] = [];
  for (let start = 0; start < frames.length; ) {
    const end = start + random.int(1, 5);
    steps.push(send(...frames.slice(start, end)));
    if (random.chance(0.1)) {
      steps.push(random.chance(0.5) ? wait(random.int(0, 20)) : receive(1, 500));
    }
    start = end;
  }
  return steps;
}

function manyCalls(random: Random, wrongness: number): Buffer[] {
  return interleave(
    random,
    Array.from({ length: random.int(1, 12) }, (_, index) =>
      http2Call(
        2 * index + 1,
        randomCall(random, { wrongness }),
        random.pick([1, 7, 1000, 16_384]),
      ),
    ).map((frames) => (frames.length > 300 ? [Buffer.concat(frames)] : frames)),
  );
}

/** Calls over HTTP/2, from right to nearly right, whole and cut. */
export const http2CallAttacks: readonly Attack[] = [
  {
    name: "http2 calls",
    protocol: "http2",
    weight: 4,
    plan(random) {
      const frames = manyCalls(random, random.pick([0, 0.3, 1]));
      const steps = [send(prefaceWith()), ...inSegments(random, frames), receive(1, 1_000)];
      return [{ steps, isPolite: true, requestCount: frames.length }];
    },
  },
  {
    name: "http2 calls cut at any byte",
    protocol: "http2",
    weight: 2,
    plan(random) {
      const bytes = Buffer.concat([prefaceWith(), ...manyCalls(random, 0.1)]);
      const cut = bytes.subarray(0, random.int(0, bytes.length));
      const steps = [...inPieces(random, cut, random.int(0, 6)), leave(random)];
      return [{ steps, isPolite: random.chance(0.5), requestCount: 1 }];
    },
  },
  {
    name: "http2 bytes changed anywhere",
    protocol: "http2",
    weight: 2,
    plan(random) {
      let bytes = Buffer.concat(manyCalls(random, 0.1));
      for (let count = random.int(1, 4); count > 0; count--) {
        bytes = mutateBytes(random, bytes) as Buffer<ArrayBuffer>;
      }
      const steps = [
        send(prefaceWith()),
        ...inPieces(random, bytes, random.int(0, 4)),
        receive(1, 300),
      ];
      return [{ steps, isPolite: true, requestCount: 1 }];
    },
  },
  {
    name: "http2 calls that are reset anywhere",
    protocol: "http2",
    weight: 3,
    plan(random) {
      const count = random.int(1, 20);
      const frames = Array.from({ length: count }, (_, index) => {
        const id = 2 * index + 1;
        const call = http2Call(id, randomCall(random, { wrongness: 0.1 }));
        return [...call.slice(0, random.int(1, call.length)), resetFrame(id, random.int(0, 13))];
      });
      const steps = [
        send(prefaceWith()),
        ...inSegments(random, random.chance(0.5) ? frames.flat() : interleave(random, frames)),
        receive(1, 200),
        leave(random),
      ];
      return [{ steps, isPolite: true, requestCount: count }];
    },
  },
  {
    name: "http2 trailers",
    protocol: "http2",
    plan(random) {
      const fields: Field[][] = [
        [["x-trailer", "x"]],
        [["grpc-status", "0"]],
        [[":status", "200"]],
        [["content-length", "1"]],
        [["x-bin", "*"]],
        [["x", "y".repeat(15_000)]],
      ];
      const frames = Array.from({ length: 6 }, (_, index) => {
        const id = 2 * index + 1;
        const call = randomCall(random, { wrongness: 0.1 });
        const ends = random.chance(0.7) ? flag.endStream : 0;
        return [
          headersFrame(id, http2Fields(call)),
          ...dataFrames(id, call.body, random.chance(0.1)),
          headersFrame(id, random.pick(fields), flag.endHeaders | ends),
          ...(random.chance(0.3) ? [dataFrame(id, Buffer.of(0), flag.endStream)] : []),
        ];
      });
      const steps = [
        send(prefaceWith()),
        ...inSegments(random, interleave(random, frames)),
        receive(1, 300),
      ];
      return [{ steps, isPolite: true, requestCount: 6 }];
    },
  },
];

import type { Random } from "../random.ts";
import { randomCall } from "../requests/fuzz-call.ts";
import { chatMethod } from "../requests/fuzz-methods.ts";
import { http2Call, http2Fields } from "../requests/write-call.ts";
import { envelope } from "../wire/envelope.ts";
import {
  dataFrame,
  type Field,
  flag,
  frameType,
  headerBlock,
  headersFrame,
  http2Frame,
  prefaceWith,
  resetFrame,
  settingsFrame,
} from "../wire/http2-frames.ts";
import { bytesField, varintField } from "../wire/protobuf-fields.ts";
import { type Attack, leave, receive, type Step, send, wait } from "./attack.ts";

const oddPseudoFields: readonly Field[] = [
  [":path", "/"],
  [":status", "200"],
  [":unknown", "x"],
  [":protocol", "websocket"],
  [":method", "CONNECT"],
  [":authority", "a b"],
  [":authority", ""],
  [":scheme", ""],
  ["host", "elsewhere"],
  ["connection", "close"],
  ["transfer-encoding", "chunked"],
  ["X-Upper", "x"],
  ["x\0", "y"],
  ["x", "a\r\nb"],
  ["", "x"],
];

function anyFrame(random: Random): Buffer {
  const id = random.pick([0, 1, 3, 5, 7, 2, 2 ** 31 - 1]);
  const type = random.chance(0.9) ? random.int(0, 9) : random.int(10, 255);
  const flags = random.pick([0, 1, 4, 5, 8, 0x20, 0x2d, 0xff]);
  const isHeaders = type === frameType.headers || type === frameType.continuation;
  if (isHeaders && random.chance(0.8)) {
    return http2Frame(type, flags, id, headerBlock(http2Fields(randomCall(random))));
  }
  return http2Frame(type, flags, id, random.bytes(random.pick([0, 4, 5, 6, 8, 8, 40])));
}

/** Frames that no client would send, more of them than any would, and storms of messages. */
export const http2FrameAttacks: readonly Attack[] = [
  {
    name: "http2 frames of any kind",
    protocol: "http2",
    weight: 3,
    plan(random) {
      const start = random.chance(0.5)
        ? http2Call(1, randomCall(random, { wrongness: 0.1 })).slice(0, random.int(1, 2))
        : [];
      const frames = Array.from({ length: random.int(1, 20) }, () => anyFrame(random));
      const steps = [
        send(prefaceWith(), ...start, ...frames.slice(0, random.int(0, frames.length))),
        wait(random.int(0, 5)),
        send(...frames),
        receive(1, 100),
      ];
      return [{ steps, isPolite: random.chance(0.5), requestCount: 1 }];
    },
  },
  {
    name: "http2 odd header fields",
    protocol: "http2",
    plan(random) {
      const frames = Array.from({ length: 10 }, (_, index) => {
        const fields = http2Fields(randomCall(random, { wrongness: 0.2 }));
        const odd = random.pick(oddPseudoFields);
        const position = random.int(0, fields.length);
        const all = [...fields.slice(0, position), odd, ...fields.slice(position)];
        const kept = random.chance(0.3) ? all.filter(() => random.chance(0.8)) : all;
        return headersFrame(2 * index + 1, kept, flag.endHeaders | random.int(0, 1));
      });
      const steps = [send(prefaceWith()), ...frames.map((frame) => send(frame)), receive(1, 200)];
      return [{ steps, isPolite: true, requestCount: 10 }];
    },
  },
  {
    name: "http2 CONTINUATION frames",
    protocol: "http2",
    plan(random) {
      const fields = http2Fields(randomCall(random, { wrongness: 0 }));
      const filler: Field[] = Array.from({ length: random.int(0, 130) }, (_, index) => [
        `x-${index}`,
        "x".repeat(random.pick([0, 10, 120])),
      ]);
      const block = headerBlock([...fields, ...filler]);
      const size = random.pick([1, 10, 1000]);
      const frames = [http2Frame(frameType.headers, random.int(0, 1), 1, block.subarray(0, size))];
      for (let start = size; start < block.length; start += size) {
        const ends = start + size >= block.length && random.chance(0.9) ? flag.endHeaders : 0;
        const part = block.subarray(start, start + size);
        frames.push(http2Frame(frameType.continuation, ends, 1, part));
      }
      const extra = random.pick([Buffer.alloc(0), resetFrame(1), dataFrame(1, Buffer.of(0), 1)]);
      const steps = [send(prefaceWith()), send(...frames, extra), receive(1, 200)];
      return [{ steps, isPolite: true, requestCount: 1 }];
    },
  },
  {
    name: "http2 floods of control frames",
    protocol: "http2",
    weight: 0.5,
    isHeavy: true,
    plan(random) {
      const frame = random.pick([
        http2Frame(frameType.ping, 0, 0, Buffer.alloc(8)),
        settingsFrame([]),
        http2Frame(frameType.priority, 0, 3, Buffer.of(0, 0, 0, 1, 16)),
        http2Frame(0x42, 0, 0, Buffer.alloc(16)),
        Buffer.concat([http2Frame(frameType.windowUpdate, 0, 0, Buffer.of(0, 0, 0, 1))]),
      ]);
      const steps: Step[] = [
        send(prefaceWith()),
        ...(random.chance(0.5) ? [{ kind: "stop-reading" } as const] : []),
        { kind: "flood", bytes: Buffer.concat(Array(200).fill(frame)), count: 50 },
        wait(100),
        leave(random),
      ];
      return [{ steps, isPolite: false, requestCount: 0 }];
    },
  },
  {
    name: "http2 joins and leaves",
    protocol: "http2",
    weight: 2,
    plan(random) {
      const call = randomCall(random, {
        method: chatMethod("Chat"),
        messages: [],
        protocol: "application/grpc",
        wrongness: 0,
      });
      const fields = http2Fields({ ...call, headers: [["content-type", "application/grpc"]] });
      const count = random.int(1, 10);
      const storms = Array.from({ length: count }, (_, index) => {
        const messages = Array.from({ length: random.int(1, 200) }, () => {
          const room = random.pick(["busy", "huge", "quiet", `new-${random.int(0, 9)}`]);
          return envelope(
            Buffer.concat([
              bytesField(1, `${random.int(0, 9)}`),
              bytesField(2, `user-${random.int(0, 20)}`),
              bytesField(3, random.chance(0.9) ? "hello" : ""),
              bytesField(4, room),
              varintField(6, random.pick([0, 1, 1, 2, 2])),
            ]),
          );
        });
        const body = Buffer.concat(messages).subarray(0, 200_000);
        const frames = [headersFrame(2 * index + 1, fields)];
        for (let start = 0; start < body.length; start += 16_384) {
          frames.push(dataFrame(2 * index + 1, body.subarray(start, start + 16_384)));
        }
        const ending = random.pick([
          Buffer.alloc(0),
          resetFrame(2 * index + 1, random.pick([0, 8])),
          dataFrame(2 * index + 1, Buffer.alloc(0), flag.endStream),
        ]);
        return send(...frames, ending);
      });
      const steps = [send(prefaceWith()), ...storms, wait(random.int(0, 200)), leave(random)];
      return [{ steps, isPolite: random.chance(0.7), requestCount: count }];
    },
  },
];

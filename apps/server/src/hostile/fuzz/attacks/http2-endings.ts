import type { Random } from "../random.ts";
import { randomCall } from "../requests/fuzz-call.ts";
import { chatMethod, fuzzMethods } from "../requests/fuzz-methods.ts";
import { http2Fields } from "../requests/write-call.ts";
import { envelope } from "../wire/envelope.ts";
import {
  dataFrame,
  dataFrames,
  flag,
  frameType,
  goawayFrame,
  headersFrame,
  http2Frame,
  prefaceWith,
  resetFrame,
  setting,
  settingsFrame,
  windowUpdateFrame,
} from "../wire/http2-frames.ts";
import { bytesField, varintField } from "../wire/protobuf-fields.ts";
import { type Attack, leave, receive, type Script, send, wait } from "./attack.ts";

/** What may stand behind the end of a request in the same segment. */
function afterword(random: Random, id: number): Buffer {
  return random.pick<() => Buffer>([
    () => resetFrame(id, random.int(0, 13)),
    () => resetFrame(id, random.pick([0, 5, 8])),
    () => windowUpdateFrame(random.pick([0, id]), 0),
    () => windowUpdateFrame(random.pick([0, id]), 2 ** 31 - 1),
    () => goawayFrame(random.pick([0, id]), random.int(0, 13)),
    () => http2Frame(frameType.priority, 0, id, Buffer.alloc(random.pick([0, 4, 6]))),
    () => http2Frame(frameType.priority, 0, id, Buffer.of(0, 0, 0, id, 1)),
    () => http2Frame(frameType.reset, 0, id, Buffer.alloc(3)),
    () => http2Frame(frameType.ping, 0, random.pick([0, id]), Buffer.alloc(random.pick([7, 8]))),
    () => http2Frame(frameType.settings, 0, 0, Buffer.alloc(5)),
    () => http2Frame(frameType.settings, flag.ack, 0, Buffer.alloc(6)),
    () => settingsFrame([[setting.initialWindowSize, random.pick([0, 2 ** 31 - 1, 2 ** 31])]]),
    () => settingsFrame([[setting.maxFrameSize, random.pick([0, 16_384, 2 ** 24])]]),
    () => dataFrame(id, Buffer.from("more"), random.int(0, 1)),
    () => headersFrame(id, [["x", "y"]], flag.endHeaders | flag.endStream),
    () => http2Frame(frameType.continuation, flag.endHeaders, id),
    () => http2Frame(frameType.pushPromise, flag.endHeaders, id, Buffer.of(0, 0, 0, 2)),
    () => http2Frame(0x42, 0xff, id, Buffer.alloc(20)),
    () => http2Frame(frameType.data, flag.padded, id, Buffer.of(200, 1)),
    () => Buffer.from("GET / HTTP/1.1\r\n\r\n"),
  ])();
}

/** A first message that is good, malformed, too large, or cut short. */
function firstMessage(random: Random): Buffer | undefined {
  return random.pick<() => Buffer | undefined>([
    () => undefined,
    () => undefined,
    () => envelope(Buffer.of(0xff, 0xff, 0xff)),
    () => envelope(Buffer.of(0), 0, 11 * 1024 ** 2),
    () => envelope(Buffer.of(0), 0, 100),
    () => Buffer.alloc(0),
  ])();
}

/** How requests over HTTP/2 end, and what comes behind their end in the same segment. */
export const http2EndingAttacks: readonly Attack[] = [
  {
    name: "http2 frames behind the end of a request",
    protocol: "http2",
    weight: 4,
    plan: (random) =>
      Array.from({ length: 4 }, (): Script => {
        const call = randomCall(random, {
          wrongness: random.pick([0, 0, 0.5]),
          method: random.pick([...fuzzMethods, chatMethod("Chat"), chatMethod("UploadMessages")]),
        });
        const body = firstMessage(random) ?? call.body;
        const isEnded = random.chance(0.8);
        const frames = [
          headersFrame(1, http2Fields(call)),
          ...dataFrames(1, body, isEnded),
          ...Array.from({ length: random.int(1, 2) }, () => afterword(random, 1)),
        ];
        const isOneSegment = random.chance(0.6);
        const steps = isOneSegment
          ? [send(prefaceWith(), ...frames)]
          : [send(prefaceWith()), receive(), send(...frames)];
        return {
          steps: [...steps, receive(1, 200), ...(random.chance(0.5) ? [leave(random)] : [])],
          isPolite: random.chance(0.8),
          requestCount: 1,
        };
      }),
  },
  {
    name: "http2 expect: 100-continue and a reset",
    protocol: "http2",
    weight: 2,
    plan: (random) =>
      Array.from({ length: 5 }, (): Script => {
        const call = randomCall(random, { wrongness: 0.05 });
        const headers = [...http2Fields(call), ["expect", "100-continue"] as const];
        const steps = [
          send(
            prefaceWith(),
            headersFrame(1, headers),
            random.chance(0.5) ? Buffer.alloc(0) : dataFrame(1, call.body.subarray(0, 16_384), 1),
            random.chance(0.8) ? resetFrame(1, random.int(0, 13)) : afterword(random, 1),
          ),
          receive(1, 100),
        ];
        return { steps, isPolite: true, requestCount: 1 };
      }),
  },
  {
    name: "http2 chats that join, then are reset",
    protocol: "http2",
    weight: 3,
    plan: (random) =>
      Array.from({ length: 4 }, (): Script => {
        // What the log has to be asked about takes longer than a room that is in memory.
        const room = random.pick(["busy", "huge", `cold-${random.int(0, 1e9)}`]);
        const texts = [bytesField(2, "ada"), bytesField(4, room)];
        const message = (type: number) =>
          envelope(Buffer.concat([bytesField(3, "hello"), ...texts, varintField(6, type)]));
        const call = randomCall(random, {
          wrongness: 0,
          method: chatMethod("Chat"),
          messages: [],
          protocol: random.pick(["application/grpc", "application/grpc-web"]),
        });
        const headers = http2Fields({ ...call, headers: [["content-type", "application/grpc"]] });
        const more = Array.from({ length: random.int(0, 4) }, () =>
          dataFrame(1, message(random.int(0, 2)), random.chance(0.2) ? 1 : 0),
        );
        const ending = random.chance(0.6) ? resetFrame(1, random.pick([0, 0, 5, 8])) : undefined;
        const parts = [
          headersFrame(1, headers),
          dataFrame(1, message(1)),
          ...more,
          ending ?? afterword(random, 1),
        ];
        const steps = random.chance(0.4)
          ? [send(prefaceWith(), ...parts)]
          : [send(prefaceWith()), ...parts.flatMap((p) => [send(p), wait(random.int(0, 3))])];
        return { steps: [...steps, receive(1, 100)], isPolite: true, requestCount: 1 };
      }),
  },
];

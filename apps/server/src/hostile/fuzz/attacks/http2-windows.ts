import type { Random } from "../random.ts";
import { randomCall } from "../requests/fuzz-call.ts";
import { chatMethod } from "../requests/fuzz-methods.ts";
import { http2Call, http2Fields } from "../requests/write-call.ts";
import { busyRoom, hugeRoom } from "../rooms.ts";
import { envelope } from "../wire/envelope.ts";
import {
  dataFrame,
  flag,
  headersFrame,
  prefaceWith,
  resetFrame,
  setting,
  settingsFrame,
  windowUpdateFrame,
} from "../wire/http2-frames.ts";
import { bytesField, varintField } from "../wire/protobuf-fields.ts";
import { type Attack, leave, type Step, send, wait } from "./attack.ts";

function grpcCall(name: string, message: Buffer) {
  return {
    httpMethod: "POST",
    path: `/chat.v1.ChatService/${name}`,
    headers: [["content-type", "application/grpc"]] as const,
    body: envelope(message),
    isEndless: false,
  };
}

const listHuge = grpcCall("ListMessages", bytesField(1, hugeRoom));
/** From the oldest message on. */
const subscribe = (room: string, more = Buffer.alloc(0)) =>
  grpcCall(
    "SubscribeMessages",
    Buffer.concat([bytesField(1, room), bytesField(2, "ada"), bytesField(3, ""), more]),
  );

/** Calls in segments of 50. */
function inBatches(calls: readonly Buffer[]): Step[] {
  const steps: Step[] = [];
  for (let start = 0; start < calls.length; start += 50) {
    steps.push(send(...calls.slice(start, start + 50)));
  }
  return steps;
}

const pickWindow = (random: Random) => random.pick([0, 0, 1, 16_384, 65_535, 2 ** 31 - 1]);

/** Clients over HTTP/2 whose windows are closed, change, or are never given back. */
export const http2WindowAttacks: readonly Attack[] = [
  {
    name: "http2 unary calls on streams without a window",
    protocol: "http2",
    isHeavy: true,
    weight: 0.5,
    plan(random) {
      const count = random.pick([100, 1000, 1000]);
      const calls = Array.from({ length: count }, (_, index) =>
        Buffer.concat(http2Call(2 * index + 1, listHuge)),
      );
      const steps = [
        send(prefaceWith([[setting.initialWindowSize, random.pick([0, 0, 1])]])),
        ...inBatches(calls),
        wait(random.int(1_000, 12_000)),
        leave(random),
      ];
      return [{ steps, isPolite: false, requestCount: count }];
    },
  },
  {
    name: "http2 subscriptions that are not read",
    protocol: "http2",
    isHeavy: true,
    weight: 0.5,
    plan(random) {
      const count = random.int(1, 300);
      const calls = Array.from({ length: count }, (_, index) =>
        Buffer.concat(http2Call(2 * index + 1, subscribe(random.pick([hugeRoom, busyRoom])))),
      );
      const steps: Step[] = [
        send(prefaceWith([[setting.initialWindowSize, pickWindow(random)]])),
        ...(random.chance(0.5) ? [{ kind: "stop-reading" } as const] : []),
        ...inBatches(calls),
        wait(random.int(100, 1500)),
        leave(random),
      ];
      return [{ steps, isPolite: false, requestCount: count }];
    },
  },
  {
    name: "http2 windows that change in the midst",
    protocol: "http2",
    weight: 2,
    plan(random) {
      const count = random.int(1, 30);
      const steps: Step[] = [send(prefaceWith([[setting.initialWindowSize, pickWindow(random)]]))];
      for (let index = 0; index < count; index++) {
        const id = 2 * index + 1;
        const call = random.chance(0.5)
          ? randomCall(random, { wrongness: 0 })
          : subscribe(busyRoom, Buffer.concat([varintField(5, 1)]));
        steps.push(send(...http2Call(id, call)));
        const change = random.pick<() => Buffer>([
          () => settingsFrame([[setting.initialWindowSize, pickWindow(random)]]),
          () => windowUpdateFrame(id, random.pick([1, 1000, 2 ** 20])),
          () => windowUpdateFrame(0, random.pick([1, 1000, 2 ** 20])),
          () => settingsFrame([[setting.headerTableSize, random.pick([0, 4096, 2 ** 32 - 1])]]),
          () => settingsFrame([[setting.maxFrameSize, random.pick([16_384, 2 ** 24 - 1])]]),
          () => settingsFrame([[setting.maxHeaderListSize, random.pick([0, 10, 2 ** 32 - 1])]]),
          () => settingsFrame([[setting.maxConcurrentStreams, random.pick([0, 1])]]),
          () => resetFrame(id, random.int(0, 13)),
        ])();
        steps.push(send(change), ...(random.chance(0.3) ? [wait(random.int(0, 10))] : []));
      }
      return [
        { steps: [...steps, wait(100), leave(random)], isPolite: false, requestCount: count },
      ];
    },
  },
  {
    name: "http2 subscriptions that are left",
    protocol: "http2",
    weight: 2,
    plan(random) {
      const count = random.int(1, 100);
      const calls = Array.from({ length: count }, (_, index) => {
        const id = 2 * index + 1;
        const method = random.pick(["SubscribeMessages", "StreamMetrics", "SubscribeMessages"]);
        const call = randomCall(random, {
          method: chatMethod(method),
          protocol: random.pick(["application/grpc", "application/connect"]),
          wrongness: 0,
        });
        const isLeft = random.chance(0.3);
        return Buffer.concat([...http2Call(id, call), ...(isLeft ? [resetFrame(id)] : [])]);
      });
      const steps = [send(prefaceWith()), ...inBatches(calls), wait(random.int(0, 300))];
      return [{ steps: [...steps, leave(random)], isPolite: true, requestCount: count }];
    },
  },
  {
    name: "http2 uploads that break off",
    protocol: "http2",
    weight: 2,
    isHeavy: true,
    plan(random) {
      const call = grpcCall("UploadMessages", Buffer.alloc(0));
      const message = envelope(
        Buffer.concat([
          bytesField(2, "ada"),
          bytesField(3, "x".repeat(random.pick([1, 1_000, 15_000]))),
          bytesField(4, random.pick(["fuzz-1", "fuzz-2"])),
        ]),
      );
      const streams = random.int(1, 20);
      const ids = Array.from({ length: streams }, (_, index) => 2 * index + 1);
      const steps: Step[] = [send(prefaceWith())];
      steps.push(send(...ids.map((id) => headersFrame(id, http2Fields(call)))));
      for (let round = random.int(1, 20); round > 0; round--) {
        steps.push(send(...ids.map((id) => dataFrame(id, message))));
      }
      const ends = ids.map((id) =>
        random.pick<() => Buffer>([
          () => dataFrame(id, message.subarray(0, random.int(0, message.length)), flag.endStream),
          () => dataFrame(id, message.subarray(0, 3)),
          () => resetFrame(id, random.int(0, 13)),
        ])(),
      );
      steps.push(send(...ends), wait(random.int(0, 100)), leave(random));
      return [{ steps, isPolite: true, requestCount: streams }];
    },
  },
];

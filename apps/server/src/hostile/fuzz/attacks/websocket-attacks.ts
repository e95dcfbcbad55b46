import type { Random } from "../random.ts";
import { type FuzzCall, randomCall } from "../requests/fuzz-call.ts";
import { chatMethod } from "../requests/fuzz-methods.ts";
import { mutateBytes } from "../requests/mutate-bytes.ts";
import { hugeRoom } from "../rooms.ts";
import { envelope } from "../wire/envelope.ts";
import { bytesField } from "../wire/protobuf-fields.ts";
import {
  binaryFrame,
  closeFrame,
  opcode,
  textFrame,
  upgradeRequest,
  webSocketFrame,
} from "../wire/websocket-frames.ts";
import {
  type Attack,
  inPieces,
  leave,
  receive,
  type Script,
  type Step,
  send,
  wait,
} from "./attack.ts";

function firstFrame({ headers }: FuzzCall): Buffer {
  return textFrame(JSON.stringify({ headers: Object.fromEntries(headers) }));
}

/** A call as the frames that follow the upgrade. */
function callFrames(random: Random, wrongness: number): Buffer[] {
  const call = randomCall(random, {
    wrongness,
    protocol: random.pick(["application/grpc-web", "application/connect", "application/connect"]),
  });
  const size = random.pick([1, 100, 5_000]);
  const body = call.body.subarray(0, 200 * size);
  const frames = [firstFrame(call)];
  for (let start = 0; start < body.length; start += size) {
    frames.push(binaryFrame(body.subarray(start, start + size)));
  }
  if (random.chance(0.8)) {
    frames.push(binaryFrame(Buffer.alloc(0)));
  }
  return frames;
}

function oddFrame(random: Random): Buffer {
  return random.pick<() => Buffer>([
    () => webSocketFrame(opcode.ping, random.bytes(random.pick([0, 4, 125, 126]))),
    () => webSocketFrame(opcode.pong, random.bytes(random.pick([0, 4, 125]))),
    () => closeFrame(random.pick([1000, 1001, 1005, 1006, 999, 3000, 5000, 0])),
    () => webSocketFrame(opcode.close, random.bytes(random.pick([0, 1, 125, 126]))),
    () => webSocketFrame(opcode.continuation, Buffer.of(1)),
    () => webSocketFrame(opcode.binary, Buffer.of(1), { isLast: false }),
    () => webSocketFrame(opcode.binary, Buffer.of(1), { isMasked: false }),
    () => webSocketFrame(opcode.binary, Buffer.of(1), { reserved: random.int(1, 7) }),
    () => webSocketFrame(opcode.binary, Buffer.of(1), { length: random.pick([2 ** 31, 2 ** 53]) }),
    () => webSocketFrame(random.pick([3, 7, 11, 15]), Buffer.of(1)),
    () => webSocketFrame(opcode.text, Buffer.of(0xff, 0xfe)),
    () => textFrame(`{"window":${random.pick(["1", "-1", "0", "1e99", '"1"', "262145", "null"])}}`),
    () => textFrame(random.pick(["", "{}", "[]", "null", "{", "[".repeat(10_000)])),
    () => textFrame('{"headers":{"content-type":"application/connect+json"}}'),
    () => binaryFrame(Buffer.alloc(random.pick([0, 262_144, 262_145]))),
    () => binaryFrame(Buffer.alloc(0)),
  ])();
}

/** A frame in fragments, with pings in between. */
function fragmented(random: Random, payload: Buffer): Buffer[] {
  const count = random.pick([2, 10, 4_100]);
  return Array.from({ length: count }, (_, index) => {
    const part = payload.subarray(index, index === count - 1 ? undefined : index + 1);
    const code = index === 0 ? opcode.binary : opcode.continuation;
    const frame = webSocketFrame(code, part, { isLast: index === count - 1 });
    return random.chance(0.1) ? Buffer.concat([frame, webSocketFrame(opcode.ping, part)]) : frame;
  });
}

function script(path: string, steps: readonly Step[]): Script {
  return { steps: [send(upgradeRequest(path)), ...steps], isPolite: true, requestCount: 1 };
}

const anyPath = (random: Random) => randomCall(random, { wrongness: 0.1 }).path.replace(/\s/g, "");

/** Calls over the WebSocket tunnel. */
export const webSocketAttacks: readonly Attack[] = [
  {
    name: "websocket calls",
    protocol: "websocket",
    weight: 3,
    plan(random) {
      const frames = callFrames(random, random.pick([0, 0.3, 1]));
      const steps = random.chance(0.5) ? [send(...frames)] : frames.map((frame) => send(frame));
      const first = random.chance(0.7) ? [receive(1)] : [];
      return [script(anyPath(random), [...first, ...steps, receive(200, 500), leave(random)])];
    },
  },
  {
    name: "websocket frames cut anywhere",
    protocol: "websocket",
    weight: 2,
    plan(random) {
      const bytes = Buffer.concat(callFrames(random, 0.1));
      const cut = bytes.subarray(0, random.int(0, bytes.length));
      const steps = inPieces(random, cut, random.int(0, 5));
      const first = random.chance(0.7) ? [receive(1)] : [];
      return [script(anyPath(random), [...first, ...steps, leave(random)])];
    },
  },
  {
    name: "websocket frames changed anywhere",
    protocol: "websocket",
    weight: 2,
    plan(random) {
      const frames = callFrames(random, 0.1);
      const bytes = mutateBytes(random, Buffer.concat(frames));
      return [script(anyPath(random), [receive(1), send(bytes), receive(1, 200), leave(random)])];
    },
  },
  {
    name: "websocket odd frames",
    protocol: "websocket",
    weight: 3,
    plan(random) {
      const frames = callFrames(random, 0).slice(0, 3);
      const position = random.int(0, frames.length);
      frames.splice(
        position,
        0,
        ...Array.from({ length: random.int(1, 3) }, () => oddFrame(random)),
      );
      const steps = random.chance(0.5) ? [send(...frames)] : frames.map((frame) => send(frame));
      return [script(anyPath(random), [...steps, receive(200, 300), leave(random)])];
    },
  },
  {
    name: "websocket fragments and pings",
    protocol: "websocket",
    plan(random) {
      const call = randomCall(random, { wrongness: 0, protocol: "application/connect" });
      const steps = [
        receive(1),
        send(firstFrame(call), ...fragmented(random, call.body.subarray(0, 100_000))),
        send(...Array(random.int(0, 200)).fill(webSocketFrame(opcode.ping, Buffer.from("ping")))),
        receive(1, 300),
        leave(random),
      ];
      return [script(call.path.split("?", 1)[0] as string, steps)];
    },
  },
  {
    name: "websocket readers that grant nothing",
    protocol: "websocket",
    isHeavy: true,
    plan(random) {
      const method = random.pick(["SubscribeMessages", "ListMessages"]);
      const more = method === "SubscribeMessages" ? [bytesField(2, "ada"), bytesField(3, "")] : [];
      const message = Buffer.concat([bytesField(1, hugeRoom), ...more]);
      const isEnveloped = method === "SubscribeMessages";
      const type = isEnveloped ? "application/connect+proto" : "application/proto";
      const frames = [
        textFrame(JSON.stringify({ headers: { "content-type": type } })),
        binaryFrame(isEnveloped ? envelope(message) : message),
        binaryFrame(Buffer.alloc(0)),
      ];
      const isRead = random.chance(0.5);
      return Array.from({ length: random.int(1, 60) }, () =>
        script(chatMethod(method).path, [
          ...(isRead ? [] : [{ kind: "stop-reading" } as const]),
          send(...frames),
          wait(random.int(100, 1_500)),
          leave(random),
        ]),
      );
    },
  },
];

import type { Random } from "../random.ts";
import { type FuzzCall, randomCall } from "../requests/fuzz-call.ts";
import { chatMethod } from "../requests/fuzz-methods.ts";
import { mutateBytes } from "../requests/mutate-bytes.ts";
import { http1Call, http1ChunkedCall, http1Head } from "../requests/write-call.ts";
import { busyRoom, hugeRoom } from "../rooms.ts";
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

function listCall(room: string): FuzzCall {
  const message = encodeURIComponent(JSON.stringify({ room }));
  return {
    httpMethod: "GET",
    path: `/chat.v1.ChatService/ListMessages?connect=v1&encoding=json&message=${message}`,
    headers: [],
    body: Buffer.alloc(0),
    isEndless: false,
  };
}

function anyCall(random: Random, wrongness: number): Buffer {
  const call = randomCall(random, { wrongness });
  return random.chance(0.3) ? http1ChunkedCall(call, random.pick([1, 10, 1000])) : http1Call(call);
}

function script(steps: readonly Step[], requestCount = 1): Script {
  return { steps, isPolite: true, requestCount };
}

const oddRequests = [
  "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABk\r\n\r\n",
  "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
  "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n",
  "GET / HTTP/1.1\r\n\r\n",
  "GET / HTTP/1.0\r\n\r\n",
  "GET / HTTP/0.9\r\n\r\n",
  "GET http://[::1 HTTP/1.1\r\nHost: a\r\n\r\n",
  "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
  "\r\n\r\n\r\n",
  "PRI",
  "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n",
  "PRX * HTTP/1.1\r\nHost: a\r\n\r\n",
  "POST /chat.v1.ChatService/ListRooms HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n",
  "POST /chat.v1.ChatService/ListRooms HTTP/1.1\r\nHost: a\r\nExpect: nonsense\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
  "POST /chat.v1.ChatService/ListRooms HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: x\r\nContent-Type: application/json\r\n\r\n2\r\n{}\r\n0\r\nx: y\r\n\r\n",
  "POST /chat.v1.ChatService/ListRooms HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\nFFFFFFFFFFFFFFFFF\r\n{}",
  "POST /chat.v1.ChatService/ListRooms HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
];

/** Requests over HTTP/1.1. */
export const http1Attacks: readonly Attack[] = [
  {
    name: "http1 calls",
    protocol: "http1",
    weight: 3,
    plan(random) {
      const wrongness = random.pick([0, 0.3, 1]);
      const calls = Array.from({ length: random.int(1, 8) }, () => anyCall(random, wrongness));
      const steps = calls.flatMap((call) => [
        ...inPieces(random, call, random.int(0, 3)),
        receive(1, 300),
      ]);
      return [script([...steps, leave(random)], calls.length)];
    },
  },
  {
    name: "http1 pipelined requests, then the client leaves",
    protocol: "http1",
    weight: 3,
    plan: (random) =>
      Array.from({ length: 4 }, () => {
        const count = random.pick([2, 2, 3, 10, 300]);
        const list = http1Call(listCall(random.pick([busyRoom, hugeRoom, "quiet"])));
        const calls = Array.from({ length: count }, () =>
          random.chance(0.8) ? list : anyCall(random, 0.1),
        );
        const steps = [send(...calls), wait(random.int(0, 20)), leave(random)];
        return script(steps, count);
      }),
  },
  {
    name: "http1 pipelined requests that nobody reads",
    protocol: "http1",
    isHeavy: true,
    weight: 0.5,
    plan(random) {
      const count = random.pick([200, 2_000, 2_000]);
      const bytes = http1Call(listCall(random.pick([hugeRoom, hugeRoom, busyRoom])));
      const steps: Step[] = [
        { kind: "stop-reading" },
        { kind: "flood", bytes: Buffer.concat(Array(50).fill(bytes)), count: count / 50 },
        wait(random.int(1_000, 25_000)),
        leave(random),
      ];
      return [script(steps, count)];
    },
  },
  {
    name: "http1 cut at any byte",
    protocol: "http1",
    weight: 2,
    plan: (random) =>
      Array.from({ length: 3 }, () => {
        const bytes = Buffer.concat(Array.from({ length: 3 }, () => anyCall(random, 0.1)));
        const cut = bytes.subarray(0, random.int(0, bytes.length));
        return script([...inPieces(random, cut, random.int(0, 5)), leave(random)]);
      }),
  },
  {
    name: "http1 bytes changed anywhere",
    protocol: "http1",
    weight: 2,
    plan: (random) =>
      Array.from({ length: 3 }, () => {
        let bytes = Buffer.concat([anyCall(random, 0.1), anyCall(random, 0.1)]);
        for (let count = random.int(1, 4); count > 0; count--) {
          bytes = mutateBytes(random, bytes) as Buffer<ArrayBuffer>;
        }
        return script([...inPieces(random, bytes, 2), receive(1, 200), leave(random)]);
      }),
  },
  {
    name: "http1 odd requests",
    protocol: "http1",
    plan: (random) =>
      Array.from({ length: 3 }, () => {
        const requests = Array.from({ length: random.int(1, 3) }, () =>
          Buffer.from(random.pick(oddRequests)),
        );
        return script([send(...requests), receive(1, 200), leave(random)], requests.length);
      }),
  },
  {
    name: "http1 streams that are left",
    protocol: "http1",
    weight: 2,
    plan: (random) =>
      Array.from({ length: random.int(1, 20) }, () => {
        const call = randomCall(random, {
          wrongness: 0,
          method: chatMethod(random.pick(["SubscribeMessages", "StreamMetrics", "Chat"])),
          protocol: random.pick(["application/grpc-web", "application/connect"]),
        });
        const behind = random.pick<() => Buffer>([
          () => Buffer.alloc(0),
          () => Buffer.alloc(0),
          () => http1Call(listCall(busyRoom)),
          () => anyCall(random, 0.1),
          // More than buffers take while the answer in front of it goes on.
          () => http1Call({ ...call, body: Buffer.alloc(2_000_000) }),
        ])();
        return script([
          send(http1Call(call), behind),
          random.chance(0.5) ? receive(1, 300) : wait(random.int(0, 50)),
          leave(random),
        ]);
      }),
  },
  {
    name: "http1 uploads that break off",
    protocol: "http1",
    plan(random) {
      const call = randomCall(random, {
        wrongness: 0.2,
        method: chatMethod("UploadMessages"),
        protocol: random.pick(["application/grpc-web", "application/connect"]),
      });
      const framing = random.pick([["Content-Length: 9999999"], ["Transfer-Encoding: chunked"]]);
      const head = Buffer.from(http1Head(call, framing), "latin1");
      const body = Buffer.concat([Buffer.from("ffffff\r\n"), call.body]);
      const steps = [send(head), ...inPieces(random, body, 4), wait(random.int(0, 30))];
      return [script([...steps, leave(random)])];
    },
  },
];

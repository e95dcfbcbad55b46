import type { FuzzCall } from "../requests/fuzz-call.ts";
import { http1Call } from "../requests/write-call.ts";
import { envelope } from "../wire/envelope.ts";
import { bytesField, varint, varintField } from "../wire/protobuf-fields.ts";
import { type Attack, leave, receive, type Script, send, wait } from "./attack.ts";

/** A little less than the largest message that the server takes. */
const messageBytes = 10 * 1024 ** 2 - 1_000;
const texts = [1, 2, 3, 4].map((number) => bytesField(number, "a"));

function post(method: string, type: string, body: Buffer): FuzzCall {
  return {
    httpMethod: "POST",
    path: `/chat.v1.ChatService/${method}`,
    headers: [["content-type", type]],
    body,
    isEndless: false,
  };
}

/** Messages of 10 MiB that cost a server more than their length, if it lets them. */
export const largeMessageAttacks: readonly Attack[] = [
  {
    name: "http1 messages of millions of fields",
    protocol: "http1",
    isHeavy: true,
    weight: 0.3,
    plan(random) {
      const unknownField = random.pick([
        varintField(10, 0),
        bytesField(15, ""),
        Buffer.concat([varint((20 << 3) | 3), varint((20 << 3) | 4)]),
      ]);
      const unknownValue = random.pick(["{},", "[],", "0,", '"",', "[[]],"]);
      const isJson = random.chance(0.5);
      const body = isJson
        ? Buffer.from(
            '{"room":"fuzz-1","user":"a","content":"a","x":[' +
              unknownValue.repeat(messageBytes / unknownValue.length) +
              "0]}",
          )
        : Buffer.concat([...texts, Buffer.alloc(messageBytes, unknownField)]);
      const type = isJson ? "application/json" : "application/proto";
      const bytes = http1Call(post(random.pick(["SendMessage", "ListMessages"]), type, body));
      const count = random.int(1, 4);
      return Array.from({ length: count }, (): Script => {
        const steps = [send(bytes), receive(1, 15_000), leave(random)];
        return { steps, isPolite: true, requestCount: 1 };
      });
    },
  },
  {
    name: "http1 messages that do not end",
    protocol: "http1",
    isHeavy: true,
    weight: 0.3,
    plan(random) {
      const isUnary = random.chance(0.3);
      const body = envelope(Buffer.alloc(messageBytes), 0, messageBytes + 1);
      const call = isUnary
        ? post("SendMessage", "application/proto", body)
        : post("UploadMessages", random.pick(["application/grpc-web", "application/grpc"]), body);
      const bytes = http1Call(call);
      const count = random.pick([10, 100, 200]);
      return Array.from({ length: count }, (): Script => {
        const steps = [send(bytes.subarray(0, -1)), wait(random.int(1_000, 5_000)), leave(random)];
        return { steps, isPolite: true, requestCount: 1 };
      });
    },
  },
];

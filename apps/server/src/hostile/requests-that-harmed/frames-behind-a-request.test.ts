import { suite, test } from "node:test";
import { receive, type Step, send, wait } from "../fuzz/attacks/attack.ts";
import { playScript } from "../fuzz/play-script.ts";
import { envelope } from "../fuzz/wire/envelope.ts";
import {
  dataFrame,
  type Field,
  flag,
  frameType,
  goawayFrame,
  headersFrame,
  http2Frame,
  prefaceWith,
  resetFrame,
  windowUpdateFrame,
} from "../fuzz/wire/http2-frames.ts";
import { bytesField } from "../fuzz/wire/protobuf-fields.ts";
import { expectSurvival, repeatWhileAlive } from "./expect-survival.ts";
import { grpcFields } from "./raw-calls.ts";

/** Good for some methods, malformed, too large, cut short, and none. */
const messages = [
  envelope(Buffer.concat([1, 2, 3, 4].map((number) => bytesField(number, "")))),
  envelope(bytesField(1, "busy")),
  envelope(Buffer.of(0xff, 0xff, 0xff)),
  envelope(Buffer.of(0), 0, 11 * 1024 ** 2),
  envelope(Buffer.of(0), 0, 100),
  Buffer.alloc(0),
];
const frames = {
  "RST_STREAM NO_ERROR": resetFrame(1, 0),
  "RST_STREAM STREAM_CLOSED": resetFrame(1, 5),
  "RST_STREAM CANCEL": resetFrame(1, 8),
  "WINDOW_UPDATE by 0": windowUpdateFrame(1, 0),
  GOAWAY: goawayFrame(0, 0),
  "a PRIORITY of the wrong size": http2Frame(frameType.priority, 0, 1, Buffer.alloc(4)),
};
const types = ["application/grpc", "application/proto", "application/connect+proto"];
const methods = ["ListMessages", "SubscribeMessages", "UploadMessages", "Chat", "SendMessage"];

function fields(index: number): Field[] {
  const method = methods[index % methods.length] as string;
  const type = types[Math.floor(index / methods.length) % types.length] as string;
  return grpcFields(method).map(([name, value]) => [name, name === "content-type" ? type : value]);
}

/** The preface, the headers and the message in one, two or three segments, the frame in the last. */
function inSegments(index: number, [headers, data]: Buffer[], frame: Buffer): Step[] {
  const [start, head, body] = [prefaceWith(), headers as Buffer, data as Buffer];
  return [
    [send(start, head, body, frame)],
    [send(start), receive(1), send(head, body, frame)],
    [send(start, head), receive(1), wait(1), send(body, frame)],
  ][index % 3] as Step[];
}

suite("a frame behind the end of a request, in the same segment", () => {
  for (const [name, frame] of Object.entries(frames)) {
    test(name, async (t) => {
      await expectSurvival(t, async (server) => {
        for (const message of messages) {
          const request = (index: number) => [
            headersFrame(1, fields(index)),
            dataFrame(1, message, flag.endStream),
          ];
          await repeatWhileAlive(server, 45, (index) =>
            playScript(server, "http2", {
              steps: [...inSegments(index, request(index), frame), receive(200, 20)],
              isPolite: true,
              requestCount: 1,
            }),
          );
        }
      });
    });
  }
});

import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { suite, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { create, toBinary } from "@bufbuild/protobuf";
import { needsTools } from "@parley/testing/tools";
import { EchoRequestSchema } from "../gen/testing/v1/echo_pb.ts";
import type { EchoProcess } from "../testing/echo-process.ts";
import { envelope } from "../testing/envelope.ts";
import {
  callFields,
  continuationFrame,
  dataFrame,
  errorCode,
  flag,
  headerBlock,
  headersFrame,
  http2Frame,
  parseHttp2Frames,
  pingFrame,
  prefaceWith,
  resetFrame,
  settingsFrame,
  windowUpdateFrame,
} from "../testing/http2-frames.ts";
import { frameType } from "../testing/raw-http2.ts";
import { type AttackScope, underWatch, watchOverTls } from "../testing/under-watch.ts";

const path = "/testing.v1.EchoService/Unary";
const call = callFields(path, "application/grpc");
const setting = { maxConcurrentStreams: 3, initialWindowSize: 4 };

/** A connection with the preface sent, and what was received on it. */
async function open(server: EchoProcess & AttackScope, settings: [number, number][] = []) {
  const socket = await server.connect("h2");
  server.after(() => socket.destroy());
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  // Every round trip listens for a while.
  socket.setMaxListeners(100);
  socket.write(prefaceWith(settings));
  return { socket, frames: () => parseHttp2Frames(Buffer.concat(chunks)) };
}

/** Sends what it is given until the server closes the connection. */
async function sendWhileOpen(socket: Socket, next: (index: number) => Uint8Array) {
  for (let index = 0; socket.writable; index++) {
    socket.write(next(index));
    // Lets it be sent, and what came in be read.
    await setImmediate();
  }
  await closeOf(socket);
}

/** Not once(), which an error would reject: to be reset is an end like any other. */
function closeOf(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.closed) {
      resolve();
    } else {
      socket.once("close", () => resolve());
    }
  });
}

/** Resolves when the server has answered a PING, and so has read all that came before it. */
async function roundTrip({ socket, frames }: Awaited<ReturnType<typeof open>>) {
  const answers = () =>
    frames().filter(({ type, flags }) => type === frameType.ping && flags & flag.ack).length;
  const expected = answers() + 1;
  socket.write(pingFrame());
  const closed = closeOf(socket);
  while (answers() < expected && !socket.closed) {
    await Promise.race([new Promise((resolve) => socket.once("data", resolve)), closed]);
  }
}

function goawayCode(frames: ReturnType<typeof parseHttp2Frames>): number | undefined {
  return frames.find(({ type }) => type === frameType.goaway)?.payload.readUInt32BE(4);
}

suite("in cleartext", () => attacks(underWatch));
suite("over TLS", needsTools("openssl"), () => attacks(watchOverTls()));

function attacks(watch: typeof underWatch): void {
  suite("header floods", () => {
    test("CONTINUATION frames without end", async (t) => {
      await watch(t, {}, async (server) => {
        const { socket } = await open(server);
        socket.write(headersFrame(1, call, 0));
        const block = headerBlock([["x-flood", "x".repeat(100)]]);
        await sendWhileOpen(socket, () => continuationFrame(1, block));
      });
    });

    test("many headers, and huge ones", async (t) => {
      await watch(t, {}, async (server) => {
        const connection = await open(server);
        const many = Array.from({ length: 500 }, (_, index): [string, string] => [
          `x-${index}`,
          "x",
        ]);
        const huge: [string, string][] = [["x-huge", "x".repeat(15_000)]];
        const largest = Array.from({ length: 7 }, () => huge[0] as [string, string]);
        connection.socket.write(headersFrame(1, [...call, ...many]));
        const block = headerBlock([...call, ...largest]);
        connection.socket.write(http2Frame(1, 0, 3, block.subarray(0, 16_000)));
        for (let start = 16_000; start < block.length; start += 16_000) {
          const isLast = start + 16_000 >= block.length;
          const part = block.subarray(start, start + 16_000);
          connection.socket.write(continuationFrame(3, part, isLast ? flag.endHeaders : 0));
        }
        await roundTrip(connection);
        const resets = connection.frames().filter(({ type }) => type === 3);
        assert.deepEqual(
          resets.map(({ streamId, payload }) => [streamId, payload.readUInt32BE()]),
          [1, 3].map((streamId) => [streamId, errorCode.enhanceYourCalm]),
        );
      });
    });

    test("pseudo headers twice, unknown ones and misplaced ones", async (t) => {
      await watch(t, {}, async (server) => {
        const connection = await open(server);
        const bad: [string, string][][] = [
          [...call.slice(0, 4), [":path", "/"], ...call.slice(4)],
          [[":status", "200"], ...call],
          [[":unknown", "x"], ...call],
          [...call, [":method", "POST"]],
          call.filter(([name]) => name !== ":path"),
          [...call, ["connection", "close"]],
          [...call, ["X-Upper", "x"]],
        ];
        for (const [index, fields] of bad.entries()) {
          connection.socket.write(headersFrame(2 * index + 1, fields));
        }
        await roundTrip(connection);
        const answered = connection.frames().filter(({ type }) => type === 1);
        assert.deepEqual(answered, []);
      });
    });
  });

  suite("floods of frames", () => {
    test("streams that are reset at once", async (t) => {
      await watch(t, {}, async (server) => {
        const connection = await open(server);
        await sendWhileOpen(connection.socket, (index) =>
          Buffer.concat([headersFrame(2 * index + 1, call), resetFrame(2 * index + 1)]),
        );
        // What a client still sends when it is cut off can make its system drop the reason.
        const reason = goawayCode(connection.frames()) ?? errorCode.enhanceYourCalm;
        assert.notEqual(reason, errorCode.noError, "nghttp2 says why it closes");
      });
    });

    test("SETTINGS and PING that are answered, to a client that reads", async (t) => {
      await watch(t, {}, async (server) => {
        const connection = await open(server);
        for (let count = 0; count < 100; count++) {
          connection.socket.write(
            Buffer.concat(
              Array.from({ length: 50 }, () => [settingsFrame([]), pingFrame()]).flat(),
            ),
          );
          await roundTrip(connection);
        }
      });
    });

    test("SETTINGS and PING, from a client that does not read the answers", async (t) => {
      await watch(t, {}, async (server) => {
        const connection = await open(server);
        connection.socket.pause();
        const flood = Buffer.concat(
          Array.from({ length: 1000 }, () => [settingsFrame([]), pingFrame()]).flat(),
        );
        // Until the server either closes or stops to read.
        let isStuck = false;
        for (let count = 0; count < 2000 && !isStuck && connection.socket.writable; count++) {
          connection.socket.write(flood);
          await setImmediate();
          isStuck = connection.socket.writableLength > 8 * 1024 * 1024;
        }
      });
    });

    test("frames of unknown types, empty DATA and PRIORITY", async (t) => {
      await watch(t, {}, async (server) => {
        const connection = await open(server);
        connection.socket.write(headersFrame(1, call));
        for (let count = 0; count < 100 && connection.socket.writable; count++) {
          connection.socket.write(
            Buffer.concat(
              Array.from({ length: 100 }, () => [
                http2Frame(0x42, 0xff, 1, Buffer.alloc(100)),
                dataFrame(1, Buffer.alloc(0)),
                http2Frame(2, 0, 3, Buffer.from([0, 0, 0, 1, 16])),
              ]).flat(),
            ),
          );
          await roundTrip(connection);
        }
      });
    });
  });

  suite("flow control", () => {
    test("a client that takes nothing holds its own streams up only", async (t) => {
      await watch(t, {}, async (server) => {
        const connection = await open(server, [[setting.initialWindowSize, 0]]);
        const request = create(EchoRequestSchema, { text: "text".repeat(1000), repeat: 1_000_000 });
        const body = envelope(toBinary(EchoRequestSchema, request));
        const fields = callFields("/testing.v1.EchoService/ServerStream", "application/grpc");
        for (let id = 1; id < 400; id += 2) {
          connection.socket.write(headersFrame(id, fields));
          connection.socket.write(dataFrame(id, body, flag.endStream));
        }
        await roundTrip(connection);
        const sent = connection
          .frames()
          .filter(({ type, payload }) => type === 0 && payload.length);
        assert.deepEqual(sent, []);
      });
    });

    test("a window that overflows ends the stream or the connection", async (t) => {
      await watch(t, {}, async (server) => {
        const overflow = 2 ** 31 - 1;
        for (const streamId of [0, 1]) {
          const { socket, frames } = await open(server);
          const closed = closeOf(socket);
          socket.write(headersFrame(1, call));
          socket.write(windowUpdateFrame(streamId, overflow));
          socket.write(windowUpdateFrame(streamId, overflow));
          await closed;
          assert.ok(frames().length > 0);
        }
      });
    });

    test("a client that sends more than its window is cut off", async (t) => {
      await watch(t, {}, async (server) => {
        const { socket, frames } = await open(server);
        socket.write(headersFrame(1, callFields("/nobody/reads", "application/grpc")));
        socket.write(headersFrame(3, call));
        // 16 MiB of a message that the server would wait for, past a window of 256 KiB.
        socket.write(dataFrame(3, envelope(Buffer.alloc(0), 0, 8 * 1024 * 1024)));
        await sendWhileOpen(socket, () => dataFrame(3, Buffer.alloc(16_000)));
        // What a client still sends when it is cut off can make its system drop the reason.
        assert.equal(
          goawayCode(frames()) ?? errorCode.flowControlError,
          errorCode.flowControlError,
        );
      });
    });
  });

  test("a message in pieces of one byte costs no more than its length", async (t) => {
    await watch(t, {}, async (server) => {
      const connection = await open(server);
      const ids = Array.from({ length: 100 }, (_, index) => 2 * index + 1);
      for (const id of ids) {
        connection.socket.write(headersFrame(id, call));
        connection.socket.write(dataFrame(id, envelope(Buffer.alloc(0), 0, 1024 * 1024)));
      }
      const tiny = Buffer.concat(ids.map((id) => dataFrame(id, Buffer.of(0))));
      for (let count = 0; count < 2000; count++) {
        connection.socket.write(tiny);
        if (count % 20 === 0) {
          await roundTrip(connection);
        }
      }
      assert.equal(goawayCode(connection.frames()), undefined);
    });
  });
}

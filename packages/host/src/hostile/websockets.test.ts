import { once } from "node:events";
import { suite, test } from "node:test";
import fc from "fast-check";
import {
  connectStream,
  echoFrame,
  openBareTunnel,
  openTunnel,
  type RawTunnel,
} from "../testing/raw-tunnel.ts";
import { type AttackScope, underWatch } from "../testing/under-watch.ts";
import { windowBytes } from "../tunnel/tunnel-frames.ts";

const mebibyte = 1024 * 1024;

const anyFrame = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  fc.string({ unit: "binary", maxLength: 100 }),
  fc.json(),
  fc.constantFrom('{"window":1}', '{"window":65536}', '{"headers":{}}', ""),
  fc.constant(new Uint8Array(0)),
  fc.string().map((text) => new Uint8Array(echoFrame({ text }))),
);
const anyHeaders = fc.oneof(
  fc.constantFrom<Record<string, string>>(
    connectStream,
    { "content-type": "application/connect+json" },
    { "content-type": "application/grpc-web" },
    { "content-type": "application/proto" },
  ),
  fc.dictionary(fc.string(), fc.string(), { maxKeys: 4 }),
);

suite("WebSockets under attack", () => {
  test("frames of any kind", async (t) => {
    await underWatch(t, {}, async (server) => {
      const attack = async (
        method: string,
        headers: Record<string, string> | undefined,
        frames: readonly (string | Uint8Array)[],
      ) => {
        const call = await openTunnel(server, server.url, method);
        if (headers) {
          call.request(headers);
        }
        for (const frame of frames) {
          call.socket.send(frame);
        }
        call.socket.close();
        await call.closed;
      };
      await fc.assert(
        fc.asyncProperty(
          fc.constantFrom("Unary", "ServerStream", "ClientStream", "BidiStream", "Unknown"),
          fc.option(anyHeaders, { nil: undefined }),
          fc.array(anyFrame, { maxLength: 8 }),
          attack,
        ),
        { numRuns: 300 },
      );
    });
  });

  test("bytes of any kind after the handshake", async (t) => {
    await underWatch(t, {}, async (server) => {
      const attack = async (pieces: readonly Uint8Array[]) => {
        const socket = await openBareTunnel(server, server.port);
        const closed = once(socket, "close");
        for (const piece of pieces) {
          socket.write(piece);
        }
        socket.resume();
        socket.end();
        await closed;
      };
      const piece = fc.uint8Array({ maxLength: 100 });
      await fc.assert(fc.asyncProperty(fc.array(piece, { maxLength: 5 }), attack), {
        numRuns: 200,
      });
    });
  });

  test("readers that take nothing, and send all they may byte by byte", async (t) => {
    await underWatch(t, { peakGrowthBytes: 100 * mebibyte }, async (server) => {
      const calls = await openMany(server, server.url, 10);
      const message = echoFrame({ text: "x".repeat(1_000) });
      const messages = Buffer.concat(
        Array.from({ length: Math.floor(windowBytes / message.length) }, () => message),
      );
      // Answers fill the window, which the client does not enlarge: the handler stops reading.
      for (const call of calls) {
        call.socket.send(messages);
      }
      await Promise.all(calls.map((call) => call.received(messages.length)));
      for (const call of calls) {
        for (let byte = 0; byte < windowBytes / 2; byte++) {
          call.socket.send(messages.subarray(byte, byte + 1));
        }
      }
      await Promise.all(calls.map(pong));
    });
  });

  test("frames that never end", async (t) => {
    await underWatch(t, { peakGrowthBytes: 100 * mebibyte }, async (server) => {
      const calls = await openMany(server, server.url, 50);
      for (const call of calls) {
        call.socket.send(Buffer.alloc(1_000), { fin: false });
        for (let count = 0; count < 1_000; count++) {
          call.socket.send(Buffer.alloc(100), { fin: false });
        }
      }
      await Promise.all(calls.map(pong));
    });
  });

  test("sockets that say nothing, and ones that are gone at once", async (t) => {
    await underWatch(t, { limits: { firstFrameTimeoutMs: 5_000 } }, async (server) => {
      const silent = await Promise.all(
        Array.from({ length: 500 }, () => openTunnel(server, server.url, "BidiStream")),
      );
      for (let count = 0; count < 500; count++) {
        (await openBareTunnel(server, server.port)).resetAndDestroy();
      }
      await Promise.all(silent.map(({ closed }) => closed));
    });
  });

  test("calls that are opened and broken off", async (t) => {
    await underWatch(t, {}, async (server) => {
      for (let round = 0; round < 20; round++) {
        const calls = await openMany(server, server.url, 50);
        for (const call of calls) {
          call.send("m");
        }
        await Promise.all(calls.map((call) => call.received(1)));
        for (const [index, { socket }] of calls.entries()) {
          if (index % 2 === 0) {
            socket.terminate();
          } else {
            socket.close(4000);
          }
        }
        await Promise.all(calls.map(({ closed }) => closed));
      }
    });
  });

  test("a flood of pings whose answers nobody reads", async (t) => {
    await underWatch(t, {}, async (server) => {
      const socket = await openBareTunnel(server, server.port);
      socket.pause();
      const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
      const ping = Buffer.concat([Buffer.of(0x89, 0xfd, 0, 0, 0, 0), Buffer.alloc(125)]);
      const pings = Buffer.concat(Array.from({ length: 1_000 }, () => ping));
      while (!socket.destroyed) {
        if (!socket.write(pings)) {
          const drained = new Promise<void>((resolve) => socket.once("drain", resolve));
          await Promise.race([drained, closed]);
        }
      }
    });
  });
});

function openMany(scope: AttackScope, url: string, count: number): Promise<RawTunnel[]> {
  return Promise.all(
    Array.from({ length: count }, async () => {
      const call = await openTunnel(scope, url, "BidiStream");
      call.request();
      return call;
    }),
  );
}

/** Resolves when the server has taken what was sent before, or has closed the socket. */
async function pong({ socket, closed }: RawTunnel): Promise<void> {
  const answered = once(socket, "pong");
  socket.ping();
  await Promise.race([answered, closed]);
}

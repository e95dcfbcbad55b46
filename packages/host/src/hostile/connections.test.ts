import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { buffer, text } from "node:stream/consumers";
import { suite, test } from "node:test";
import { needsTools } from "@parley/testing/tools";
import type { EchoProcess } from "../testing/echo-process.ts";
import { envelope } from "../testing/envelope.ts";
import { callFields, dataFrame, flag, headersFrame, prefaceWith } from "../testing/http2-frames.ts";
import { type AttackScope, underWatch, watchOverTls } from "../testing/under-watch.ts";

const path = "/testing.v1.EchoService/Unary";
const body = '{"text":"hey"}';
const head = `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n`;
const whole = `${head}Content-Length: ${body.length}\r\n\r\n${body}`;
const message = envelope(Buffer.from("\x0a\x03hey"));

async function open(
  { connect, after }: EchoProcess & AttackScope,
  protocol: Parameters<EchoProcess["connect"]>[0] = "http/1.1",
): Promise<Socket> {
  const socket = await connect(protocol);
  after(() => socket.destroy());
  return socket;
}

/** Others are held to the same limits: a slow machine has to keep them as well. */
const shortMs = 5_000;

suite("in cleartext", () => attacks(underWatch, 10_000));
suite("over TLS", needsTools("openssl"), () => attacks(watchOverTls(), 1_000));

function attacks(watch: typeof underWatch, silentCount: number): void {
  suite("clients that say nothing", () => {
    test(`${silentCount} of them keep nobody out, and are closed before their number grows`, async (t) => {
      const maxSilentConnections = silentCount / 5;
      await watch(t, { limits: { maxSilentConnections } }, async (server) => {
        const sockets: Socket[] = [];
        for (let count = 0; count < silentCount; count += 100) {
          const more = await Promise.all(Array.from({ length: 100 }, () => open(server)));
          for (const socket of more) {
            socket.resume();
          }
          sockets.push(...more);
        }
        // The limit, and what the client that is served has open.
        const { connectionCount } = await server.settled(maxSilentConnections + 3);
        t.diagnostic(`${connectionCount} connections are left`);
      });
    });

    test("are closed in time", async (t) => {
      await watch(t, { limits: { firstByteTimeoutMs: shortMs } }, async (server) => {
        const sockets = await Promise.all(Array.from({ length: 50 }, () => open(server)));
        for (const [index, socket] of sockets.entries()) {
          socket.write("PRI".slice(0, index % 3));
        }
        await Promise.all(sockets.map((socket) => buffer(socket)));
      });
    });
  });

  suite("slow clients", () => {
    test("that do not end their headers get a 408", async (t) => {
      await watch(t, { limits: { headersTimeoutMs: shortMs } }, async (server) => {
        const sockets = await Promise.all(Array.from({ length: 50 }, () => open(server)));
        for (const socket of sockets) {
          socket.write(head);
        }
        for (const answer of await Promise.all(sockets.map((socket) => text(socket)))) {
          assert.match(answer, /^HTTP\/1\.1 408 /);
        }
      });
    });

    test("that do not end the body of a unary call get DEADLINE_EXCEEDED", async (t) => {
      await watch(t, { limits: { bodyTimeoutMs: shortMs } }, async (server) => {
        const sockets = await Promise.all(Array.from({ length: 50 }, () => open(server)));
        await Promise.all(
          sockets.map(async (socket) => {
            socket.write(`${head}Content-Length: ${body.length}\r\n\r\n{`);
            let answer = "";
            socket.on("data", (chunk) => {
              answer += chunk;
            });
            await new Promise<void>((resolve) => {
              socket.once("close", resolve).on("data", () => {
                if (answer.includes("deadline_exceeded")) {
                  resolve();
                }
              });
            });
            assert.match(answer, /^HTTP\/1\.1 504 .*deadline_exceeded/s);
          }),
        );
      });
    });

    test("may be as slow as they like with the messages of a stream", async (t) => {
      await watch(t, { limits: { bodyTimeoutMs: shortMs } }, async (server) => {
        const slow = await open(server, "h2");
        const fields = callFields("/testing.v1.EchoService/BidiStream", "application/grpc");
        slow.write(prefaceWith([]));
        slow.write(headersFrame(1, fields));
        let received = "";
        slow.on("data", (chunk: Buffer) => {
          received += chunk.toString("latin1");
        });
        slow.write(dataFrame(1, message.subarray(0, -1)));
        // A unary call that is refused for its time shows that the time is over.
        const unary = await open(server);
        unary.write(`${head}Content-Length: 2\r\nConnection: close\r\n\r\n{`);
        await new Promise((resolve) => unary.once("data", resolve));
        slow.write(dataFrame(1, message.subarray(-1)));
        while (!received.includes("hey")) {
          await new Promise((resolve) => slow.once("data", resolve));
        }
      });
    });
  });

  suite("header floods over HTTP/1", () => {
    for (const [name, headers] of [
      ["many headers", Array.from({ length: 5000 }, (_, index) => `X-${index}: x\r\n`).join("")],
      ["a huge header", `X: ${"x".repeat(1_000_000)}\r\n`],
      ["a header that never ends", `X: ${"x".repeat(100_000)}`],
    ] as const) {
      test(`${name} get a 431`, async (t) => {
        await watch(t, {}, async (server) => {
          const socket = await open(server);
          socket.write(head + headers);
          const answer = await text(socket).catch(() => "");
          // What was not read when the connection closed may have reset it.
          assert.match(answer, /^(HTTP\/1\.1 431 |$)/);
        });
      });
    }
  });

  suite("requests that contradict themselves", () => {
    for (const [name, request] of Object.entries({
      "two lengths": `${head}Content-Length: 1\r\nContent-Length: 2\r\n\r\n{}`,
      "a length and chunks": `${head}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}`,
      "a length below zero": `${head}Content-Length: -1\r\n\r\n{}`,
      "a chunk of no length": `${head}Transfer-Encoding: chunked\r\n\r\nzz\r\n{}`,
      "chunks within chunks": `${head}Transfer-Encoding: chunked, chunked, x\r\n\r\n0\r\n\r\n`,
      "a header without a name": `${head}: x\r\n\r\n`,
      "a null in a header": `${head}X: \0\r\n\r\n`,
      "a line folded": `${head}X: a\r\n b\r\n\r\n`,
    })) {
      test(`${name}: 400 and the end`, async (t) => {
        await watch(t, {}, async (server) => {
          const socket = await open(server);
          socket.write(request);
          assert.match(await text(socket), /^HTTP\/1\.1 400 /);
        });
      });
    }
  });

  suite("clients that go away", () => {
    const grpc = Buffer.concat([
      prefaceWith([]),
      headersFrame(1, callFields(path, "application/grpc")),
      dataFrame(1, message, flag.endStream),
    ]);
    for (const [name, protocol, exchange] of [
      ["HTTP/1", "http/1.1", Buffer.from(whole)],
      ["gRPC", "h2", grpc],
    ] as const) {
      for (const [how, leave] of Object.entries({
        // What TLS has taken over cannot be reset.
        "reset the connection": (socket: Socket) =>
          "encrypted" in socket ? socket.destroy() : socket.resetAndDestroy(),
        "close their side": (socket: Socket) => socket.end(),
      })) {
        test(`and ${how}, at each byte of a call over ${name}`, async (t) => {
          await watch(t, {}, async (server) => {
            for (let length = 0; length <= exchange.length; length++) {
              const socket = await open(server, protocol);
              socket.resume();
              const closed = new Promise((resolve) => socket.once("close", resolve));
              socket.write(exchange.subarray(0, length));
              leave(socket);
              if (length === exchange.length || how.startsWith("reset")) {
                continue;
              }
              // Half of a request is none: the server ends what will never be whole.
              await closed;
            }
          });
        });
      }
    }
  });
}

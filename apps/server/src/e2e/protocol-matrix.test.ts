import assert from "node:assert/strict";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import type { ClientRequest } from "node:http";
import { connect as connectHttp2, type OutgoingHttpHeaders } from "node:http2";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { suite, test } from "node:test";
import { connect as connectTls } from "node:tls";
import { createClient, type Transport } from "@connectrpc/connect";
import type { Compression } from "@connectrpc/connect/protocol";
import {
  compressionGzip,
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";
import { createWebSocketTransport } from "@parley/browser";
import { ChatService } from "@parley/proto/chat/v1";
import { createCertificate } from "@parley/testing/certificate";
import { needsTools } from "@parley/testing/tools";
import { WebSocket } from "ws";
import { chatScenarios } from "../testing/chat-scenarios.ts";
import { suiteServer } from "../testing/suite-server.ts";

const transportFactories = {
  gRPC: createGrpcTransport,
  "gRPC-Web": createGrpcWebTransport,
  Connect: createConnectTransport,
  "Connect over WebSockets": createTunnelTransport,
};
const protocols = Object.keys(transportFactories) as (keyof typeof transportFactories)[];
const codecs = ["proto", "JSON"] as const;
const httpVersions = ["1.1", "2"] as const;
const encodings = ["identity", "gzip"] as const;

/** One way to call the server. */
interface Way {
  readonly protocol: (typeof protocols)[number];
  readonly httpVersion: (typeof httpVersions)[number];
  readonly codec: (typeof codecs)[number];
  readonly encoding: (typeof encodings)[number];
}

const ways: Way[] = protocols
  .flatMap((protocol) =>
    httpVersions.flatMap((httpVersion) =>
      codecs.flatMap((codec) =>
        encodings.map((encoding) => ({ protocol, httpVersion, codec, encoding })),
      ),
    ),
  )
  .filter(isPossible);

function isPossible({ protocol, httpVersion, encoding }: Way): boolean {
  switch (protocol) {
    // gRPC has its status in trailers, which HTTP/1.1 clients do not read.
    case "gRPC":
      return httpVersion === "2";
    // A WebSocket begins as a request of HTTP/1.1, and its client does not compress.
    case "Connect over WebSockets":
      return httpVersion === "1.1" && encoding === "identity";
    default:
      return true;
  }
}

/** Whether calls can send and receive at once. */
function isFullDuplex({ protocol, httpVersion }: Way): boolean {
  return httpVersion === "2" || protocol === "Connect over WebSockets";
}

suite("cleartext, without the lean path", () => {
  const server = suiteServer({ flags: () => ["--presence-grace", "20ms", "--no-lean-path"] });

  suite("every way to call that could take it", { concurrency: true }, () => {
    for (const way of ways) {
      if (isFullDuplex(way) && way.codec === "proto" && way.encoding === "identity") {
        testEveryRpc(way, () => ({ baseUrl: server().url }));
      }
    }
  });
});

suite("cleartext", () => {
  const server = suiteServer({ flags: () => ["--presence-grace", "20ms"] });

  suite("every way to call", { concurrency: true }, () => {
    for (const way of ways) {
      testEveryRpc(way, () => ({ baseUrl: server().url }));
    }
  });

  suite("Connect GET", () => {
    const channels = { "1.1": "http.client.request.created", "2": "http2.client.stream.created" };
    for (const httpVersion of httpVersions) {
      for (const codec of codecs) {
        test(`${codec} over HTTP/${httpVersion}`, async (t) => {
          const methods: unknown[] = [];
          const onRequest = (event: unknown) => methods.push(requestMethod(event));
          subscribe(channels[httpVersion], onRequest);
          t.after(() => unsubscribe(channels[httpVersion], onRequest));
          const room = `GET ${codec} ${httpVersion}`;
          const transport = createConnectTransport({
            baseUrl: server().url,
            httpVersion,
            useBinaryFormat: codec === "proto",
            useHttpGet: true,
          });
          const client = createClient(ChatService, transport);
          await client.sendMessage({ room, user: "ada", content: "é" });
          const { messages } = await client.listMessages({ room, pageSize: 1 });
          assert.deepEqual(
            messages.map(({ content }) => content),
            ["é"],
          );
          const { rooms } = await client.listRooms({ pageSize: 1_000 });
          assert.ok(rooms.some(({ name }) => name === room));
          assert.deepEqual(
            methods,
            ["POST", "GET", "GET"],
            "only what has no side effect is a GET",
          );
        });
      }
    }
  });
});

suite("TLS", needsTools("openssl"), () => {
  let ca = "";
  const server = suiteServer({
    flags(folder) {
      const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
      const certificate = createCertificate();
      writeFileSync(key, certificate.key);
      writeFileSync(cert, certificate.cert);
      ca = certificate.cert;
      return ["--tls-key", key, "--tls-cert", cert, "--presence-grace", "20ms"];
    },
  });

  const baseUrl = () => `https://${new URL(server().url).host}`;

  suite("every protocol and HTTP version", { concurrency: true }, () => {
    for (const way of ways) {
      if (way.codec === "proto" && way.encoding === "identity") {
        testEveryRpc(way, () => ({ baseUrl: baseUrl(), nodeOptions: { ca } }));
      }
    }
  });

  const request = "GET /no/such/path HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
  const offers: [offered: string[], taken: string | false][] = [
    [["h2", "http/1.1"], "h2"],
    [["http/1.1", "h2"], "h2"],
    [["http/1.1"], "http/1.1"],
    [[], false],
  ];
  for (const [offered, taken] of offers) {
    test(`ALPN ${offered.join(", ") || "none"}`, async () => {
      const { hostname: host, port } = new URL(baseUrl());
      const socket = connectTls({ host, port: Number(port), ca, ALPNProtocols: offered });
      await once(socket, "secureConnect");
      assert.equal(socket.alpnProtocol, taken);
      if (taken === "h2") {
        const session = connectHttp2(baseUrl(), { createConnection: () => socket });
        await once(session, "remoteSettings");
        session.close();
      } else {
        socket.write(request);
        assert.match(await text(socket), /^HTTP\/1\.1 404 /);
      }
    });
  }
});

/** Tests every RPC by one transport. */
function testEveryRpc(way: Way, connection: () => Connection) {
  const { protocol, httpVersion, codec, encoding } = way;
  const fullDuplex = isFullDuplex(way);
  const name = `${protocol}, ${codec}, ${encoding}, HTTP/${httpVersion}`;
  suite(name, { concurrency: true }, () => {
    for (const scenario of chatScenarios) {
      if (scenario.bidirectional && !fullDuplex) {
        continue;
      }
      test(scenario.name, async () => {
        const gzip = countedGzip();
        const transport = createTransport(way, connection(), gzip.compression);
        await scenario.run(createClient(ChatService, transport), `${name}: ${scenario.name}`);
        // Whether responses are compressed for callers that accept it is the server's choice.
        assert.equal(gzip.sent > 0, encoding === "gzip");
      });
    }
  });
}

interface Connection {
  readonly baseUrl: string;
  readonly nodeOptions?: { readonly ca: string };
}

function createTransport(way: Way, connection: Connection, gzip: Compression): Transport {
  const { protocol, httpVersion, codec, encoding } = way;
  const compressed = encoding === "gzip";
  return transportFactories[protocol]({
    ...connection,
    httpVersion,
    useBinaryFormat: codec === "proto",
    acceptCompression: compressed ? [gzip] : [],
    ...(compressed ? { sendCompression: gzip, compressMinBytes: 1 } : {}),
  });
}

/** Node's own WebSocket cannot be told of a certificate. */
function createTunnelTransport(options: {
  readonly baseUrl: string;
  readonly useBinaryFormat?: boolean;
  readonly nodeOptions?: object;
}): Transport {
  const { nodeOptions, ...rest } = options;
  return createWebSocketTransport({
    ...rest,
    ...(nodeOptions && {
      openWebSocket: (url, protocol) => new WebSocket(url, protocol, nodeOptions),
    }),
  });
}

/** gzip for one transport, which counts the messages that it compresses. */
function countedGzip() {
  const counts = { sent: 0 };
  const compression: Compression = {
    ...compressionGzip,
    compress(bytes) {
      counts.sent += 1;
      return compressionGzip.compress(bytes);
    },
  };
  return Object.assign(counts, { compression });
}

/** The HTTP method of a request that Node's client has reported on a diagnostics channel. */
function requestMethod(event: unknown): string | undefined {
  const { request, headers } = event as {
    readonly request?: ClientRequest;
    readonly headers?: OutgoingHttpHeaders;
  };
  return request?.method ?? headers?.[":method"]?.toString();
}

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { type ChatClient, createChatClient } from "@parley/client";
import { createCertificate } from "@parley/testing/certificate";
import { type ServerProcess, startServerProcess } from "@parley/testing/server-process";
import { temporaryFolder } from "@parley/testing/temporary-folder";
import { buildIfStale } from "../../build/build-web-app.ts";

/** A server in a process of its own that serves the web app as it is now. */
export interface WebServer {
  readonly url: string;
  /** A client of it that is no browser. */
  readonly client: ChatClient;
  /** What to do when the test is over, before the server ends: it would break what pages do. */
  readonly beforeEnd: (() => Promise<void>)[];
  /** Ends it as a crash would. */
  kill(): Promise<void>;
  /** Starts it again, on the same data and port, with these flags more. */
  restart(flags?: readonly string[]): Promise<void>;
}

/** Starts a server on an empty data folder; it ends with the test. */
export async function startWebServer(
  t: TestContext,
  flags: readonly string[] = [],
): Promise<WebServer> {
  await buildIfStale();
  const common = ["--data", temporaryFolder(t), ...flags];
  let server: ServerProcess = await startServerProcess([...common, "--port", "0"]);
  const beforeEnd: (() => Promise<void>)[] = [];
  t.after(async () => {
    try {
      for (const end of beforeEnd) {
        await end();
      }
    } finally {
      await server.stop("SIGKILL");
    }
  });
  const { url } = server;
  return {
    url,
    beforeEnd,
    client: createChatClient(createGrpcTransport({ baseUrl: url })),
    async kill() {
      await server.stop("SIGKILL");
    },
    async restart(more = []) {
      const { port } = new URL(url);
      server = await startServerProcess([...common, ...more, "--port", port]);
    },
  };
}

/** The flags that have a server serve TLS with a certificate of its own making. */
export function tlsFlags(t: TestContext): string[] {
  const folder = temporaryFolder(t);
  const { key, cert } = createCertificate();
  const [keyFile, certFile] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  writeFileSync(keyFile, key);
  writeFileSync(certFile, cert);
  return ["--tls-key", keyFile, "--tls-cert", certFile];
}

/** Stores messages `message 1` to `message n` in a room. */
export async function seed(client: ChatClient, room: string, count: number): Promise<void> {
  function* messages() {
    for (let number = 1; number <= count; number++) {
      yield { room, user: `user ${Math.floor(number / 3) % 5}`, content: `message ${number}` };
    }
  }
  await client.upload(messages());
}

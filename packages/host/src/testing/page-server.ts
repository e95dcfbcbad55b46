import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { build } from "esbuild";

export interface PageServer {
  readonly origin: string;
  close(): void;
}

/** Serves an empty page that runs this script, bundled. */
export async function startPageServer(scriptPath: string): Promise<PageServer> {
  const { outputFiles } = await build({
    entryPoints: [scriptPath],
    bundle: true,
    format: "esm",
    write: false,
  });
  const server = createServer((request, response) => {
    if (request.url === "/script.js") {
      response.setHeader("content-type", "text/javascript; charset=utf-8");
      response.end(outputFiles[0]?.contents);
    } else {
      response.setHeader("content-type", "text/html; charset=utf-8");
      response.end(
        '<!doctype html><link rel="icon" href="data:,"><script type="module" src="/script.js"></script>',
      );
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

import { existsSync } from "node:fs";
import { join, relative, sep } from "node:path";
import helmet, { type FastifyHelmetOptions } from "@fastify/helmet";
import fastifyStatic from "@fastify/static";
import type { FastifyInstance } from "fastify";

/** Options of {@link serveWebApp}. */
export interface WebAppOptions {
  /** Where the web app was built to. */
  readonly folder: string;
  /** Whether browsers reach it over TLS of this server. */
  readonly isEncrypted: boolean;
}

// What a build of Vite names after its content: it never changes.
const hashedFolder = "assets";
const immutable = "public, max-age=31536000, immutable";
// To be asked for each time, which the ETag answers without the file.
const revalidated = "no-cache";

const notBuiltPage = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Parley</title>
<h1>The web app is not built</h1>
<p>The server runs, and every call works. To have the web app here, build it with
<code>npm run build</code> and start the server again, or start it with <code>npm start</code>.</p>
</html>
`;

/**
 * A plugin that serves the built web app at /: each of its files at a route of its
 * own, so that no other path is taken. The headers that protect pages go with these
 * files only. Where there is no build, / says so.
 */
export async function serveWebApp(
  app: FastifyInstance,
  { folder, isEncrypted }: WebAppOptions,
): Promise<void> {
  await app.register(helmet, pageHeaders(isEncrypted));
  if (!existsSync(join(folder, "index.html"))) {
    app.log.warn({ folder }, "the web app is not built: / only says how to build it");
    app.get("/", async (_, reply) => {
      reply.code(503).type("text/html; charset=utf-8").header("cache-control", "no-store");
      return notBuiltPage;
    });
    return;
  }
  await app.register(fastifyStatic, {
    root: folder,
    wildcard: false,
    globIgnore: ["**/*.br", "**/*.gz"],
    preCompressed: true,
    cacheControl: false,
    setHeaders(reply, path) {
      const isHashed = relative(folder, path).startsWith(`${hashedFolder}${sep}`);
      reply.header("cache-control", isHashed ? immutable : revalidated);
    },
  });
}

function pageHeaders(isEncrypted: boolean): FastifyHelmetOptions {
  return {
    contentSecurityPolicy: {
      // Without the defaults, which have browsers ask for https in place of http.
      useDefaults: false,
      directives: {
        defaultSrc: ["'self'"],
        imgSrc: ["'self'", "data:"],
        objectSrc: ["'none'"],
        baseUri: ["'none'"],
        formAction: ["'none'"],
        frameAncestors: ["'none'"],
      },
    },
    xFrameOptions: { action: "deny" },
    // Browsers heed these on secure pages only, and complain of them on others.
    strictTransportSecurity: isEncrypted && { maxAge: 15_552_000, includeSubDomains: false },
    crossOriginOpenerPolicy: isEncrypted,
    originAgentCluster: isEncrypted,
  };
}

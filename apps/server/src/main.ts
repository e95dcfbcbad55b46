#!/usr/bin/env node
import { resolve } from "node:path";
import pretty from "pino-pretty";
import { type Config, readConfig } from "./config.ts";
import { MessageLogError } from "./log/message-log.ts";
import { openSqliteMessageLog } from "./log/sqlite/sqlite-message-log.ts";
import { buildServer } from "./server.ts";

async function main(config: Config): Promise<void> {
  const log = await openSqliteMessageLog({
    folder: config.data,
    retentionMs: config.retentionMs,
    retentionBytes: config.retentionBytes,
    idempotencyWindowMs: config.idempotencyWindowMs,
    newEpoch: config.newEpoch,
    sync: config.sync,
    onWarning: (message) => app.log.warn(message),
    onFailure: (error) => {
      // What is left cannot serve: a supervisor starts it anew, and the log recovers. Callers
      // are told before that.
      app.log.fatal(error);
      exit(1);
    },
  });
  const { app, listen, exit } = buildServer({
    log,
    instanceId: config.instanceId,
    presenceGraceMs: config.presenceGraceMs,
    tailBytes: config.tailBytes,
    totalTailBytes: config.totalTailBytes,
    onWarning: (message) => app.log.warn(message),
    drainTimeoutMs: config.drainTimeoutMs,
    tls: config.tls,
    leanPath: config.leanPath,
    corsOrigins: config.corsOrigins,
    webFolder: config.webFolder,
    processEvents: true,
    onClosed: () => log.close(),
    logger: {
      level: config.logLevel,
      ...(process.stdout.isTTY ? { stream: pretty({ ignore: "pid,hostname" }) } : {}),
    },
  });
  // Connect's plugin reports what it cannot tell a caller any more to the console.
  console.error = (...parts: unknown[]) => app.log.warn(parts.map(String).join(" "));

  app.log.info({ data: resolve(config.data), epoch: log.epoch }, "message log opened");
  await listen({ host: config.host, port: config.port });
}

function reasonOf(error: unknown, { host, port, data }: Config): string {
  const { code, message } = error as NodeJS.ErrnoException;
  switch (code) {
    case "EADDRINUSE":
      return `port ${port} of ${host} is in use`;
    case "EACCES":
      return `port ${port} of ${host} needs more rights`;
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
      return `${host} is not an address of this machine`;
    default:
      return error instanceof MessageLogError ? message : `cannot start on ${data}: ${message}`;
  }
}

const config = readConfig(process.argv.slice(2));
main(config).catch((error: unknown) => {
  process.stderr.write(`parley-server: ${reasonOf(error, config)}\n`);
  process.exit(1);
});

import type { IncomingMessage } from "node:http";
import type { ContextValues } from "@connectrpc/connect";
import { type HostLogger, requestContext } from "../calls/request-context.ts";

/**
 * What `requestContext` is to Fastify's requests, for the upgrade requests of a WebSocket
 * tunnel, which Fastify does not see; for its option `contextValues`. Ids are "tunnel-1"
 * and so on.
 */
export function createUpgradeContext(
  logger: HostLogger,
): (request: IncomingMessage) => ContextValues {
  let count = 0;
  return (request) => {
    count += 1;
    const id = `tunnel-${count.toString(36)}`;
    const log = logger.child({ reqId: id });
    return requestContext({ id, log, socket: request.socket, raw: request });
  };
}

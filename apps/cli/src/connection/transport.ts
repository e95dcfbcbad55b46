import { readFileSync } from "node:fs";
import type { Transport } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
  Http2SessionManager,
} from "@connectrpc/connect-node";
import { InvalidArgumentError } from "commander";
import { UsageError } from "../failures/errors.ts";

/** The protocols that `--protocol` takes; the server speaks all of them on one port. */
export const protocols = ["connect", "grpc", "grpc-web"] as const;

/** One of {@link protocols}. */
export type Protocol = (typeof protocols)[number];

/** How to reach a server. */
export interface TransportOptions {
  /** As {@link parseServerUrl} returns it. */
  readonly serverUrl: string;
  readonly protocol: Protocol;
  /** A PEM file of certificate authorities, instead of those that Node trusts. */
  readonly caPath?: string | undefined;
}

/** A transport and the connection under it. */
export interface OpenTransport {
  readonly transport: Transport;
  /** Closes the connection, and with it every call. A process that does not call this stays. */
  close(): void;
}

const createTransportOf = {
  connect: createConnectTransport,
  grpc: createGrpcTransport,
  "grpc-web": createGrpcWebTransport,
};

// Finds a connection that died without a word, behind a NAT or on a laptop that slept.
const pingIntervalMs = 20_000;

/**
 * Makes the transport of a command. It connects with the first call, with HTTP/2
 * whatever the protocol: a chat needs both directions at once.
 *
 * @throws UsageError when the file of certificates cannot be read.
 */
export function openTransport(options: TransportOptions): OpenTransport {
  const sessionManager = new Http2SessionManager(
    options.serverUrl,
    { pingIntervalMs },
    options.caPath === undefined ? undefined : { ca: readCertificates(options.caPath) },
  );
  const transport = createTransportOf[options.protocol]({
    baseUrl: options.serverUrl,
    httpVersion: "2",
    sessionManager,
  });
  return { transport, close: () => sessionManager.abort() };
}

/**
 * Reads the value of `--server`: an http or https URL; a bare `host:port` stands
 * for cleartext.
 *
 * @throws commander's InvalidArgumentError.
 */
export function parseServerUrl(text: string): string {
  const url = URL.parse(text.includes("://") ? text : `http://${text}`);
  if (!url?.hostname || (url.protocol !== "http:" && url.protocol !== "https:")) {
    throw new InvalidArgumentError("It takes an http:// or https:// URL.");
  }
  return url.href.replace(/\/+$/, "");
}

function readCertificates(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new UsageError(`cannot read the certificates of --ca: ${(error as Error).message}`);
  }
}

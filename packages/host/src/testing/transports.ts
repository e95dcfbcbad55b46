import type { Transport } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";

export const protocols = ["connect", "grpc", "grpc-web"] as const;
export const httpVersions = ["1.1", "2"] as const;

export interface TransportOptions {
  readonly protocol: (typeof protocols)[number];
  readonly httpVersion: (typeof httpVersions)[number];
  readonly baseUrl: string;
  /** Trusted with TLS. */
  readonly ca?: string;
  readonly useHttpGet?: boolean;
}

export function createTransport(options: TransportOptions): Transport {
  const { protocol, httpVersion, baseUrl, ca, useHttpGet = false } = options;
  const common = { baseUrl, httpVersion, nodeOptions: ca ? { ca } : {} };
  switch (protocol) {
    case "connect":
      return createConnectTransport({ ...common, useHttpGet });
    case "grpc":
      return createGrpcTransport(common);
    case "grpc-web":
      return createGrpcWebTransport(common);
  }
}

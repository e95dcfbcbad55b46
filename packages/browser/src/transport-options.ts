import type {
  BinaryReadOptions,
  BinaryWriteOptions,
  JsonReadOptions,
  JsonWriteOptions,
} from "@bufbuild/protobuf";
import type { Interceptor } from "@connectrpc/connect";

/** Options that the transports of this package share. */
export interface TransportOptions {
  /**
   * Where the services are, with http or https: "https://example.com/api" for example.
   * Relative to the page in a page; default: the page's own origin.
   */
  readonly baseUrl?: string;
  /** Whether messages are binary, or JSON. Default true: servers serve binary at less cost. */
  readonly useBinaryFormat?: boolean;
  /** Applied to every call. */
  readonly interceptors?: readonly Interceptor[];
  readonly jsonOptions?: Partial<JsonReadOptions & JsonWriteOptions>;
  readonly binaryOptions?: Partial<BinaryReadOptions & BinaryWriteOptions>;
  /**
   * The deadline of calls that have none of their own, in milliseconds. Default: none. Any
   * timeout beyond 24.8 days, infinity included, counts as so much.
   */
  readonly defaultTimeoutMs?: number;
}

/**
 * The absolute form of a base URL, without a slash at its end. Throws a TypeError for one
 * that is relative where there is no page, or that is neither http nor https.
 */
export function resolveBaseUrl(baseUrl: string | undefined): string {
  const { location } = globalThis as {
    readonly location?: { readonly href: string; readonly origin: string };
  };
  // In a worker made of a blob there is an origin, and nothing to be relative to.
  const base = location?.href.startsWith("blob:") ? location.origin : location?.href;
  try {
    const { protocol, href } = new URL(baseUrl ?? location?.origin ?? "", base);
    if (/^https?:$/.test(protocol)) {
      return href.replace(/\/+$/, "");
    }
  } catch {
    // Told below.
  }
  throw new TypeError(
    `the base URL ${baseUrl ?? ""} cannot be: it needs http or https, and outside of a page a host`,
  );
}

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
  /** The deadline of calls that have none of their own, in milliseconds. Default: none. */
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
  const absolute = baseUrl ?? location?.origin;
  const url = absolute === undefined ? null : URL.parse(absolute, location?.href);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new TypeError(
      `baseUrl ${baseUrl === undefined ? "is missing" : `"${baseUrl}" is not usable`}: ` +
        "outside of a page it must be absolute, with http or https",
    );
  }
  return url.href.replace(/\/+$/, "");
}

/** Options for {@link createOriginCheck}. */
export interface OriginCheckOptions {
  /**
   * The origins whose pages may call, besides the server's own: exactly as a browser
   * names them, for example "https://chat.example.com", or "*" for any. Default:
   * localhost, 127.0.0.1 and [::1] with any port.
   */
  readonly origins?: readonly string[] | undefined;
}

/** The headers of a request as `node:http` and `node:http2` give them. */
export type RequestHeaders = Readonly<Record<string, string | string[] | undefined>>;

/**
 * Tells whether the page that sent a request may call. Requests without an Origin come
 * from no page of another origin: they always may. The second argument says whether
 * the connection is TLS.
 */
export type OriginCheck = (headers: RequestHeaders, isEncrypted: boolean) => boolean;

const anyOrigin = "*";
const localOrigin = /^https?:\/\/(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/;

/**
 * Creates the check that CORS and WebSockets share: a WebSocket needs it too, as
 * browsers let any page open one.
 *
 * The same origin always passes: the page's host and port are those that the request
 * was sent to. A page from https may reach a cleartext server so, which is what one
 * behind a proxy that ends TLS is; a page from http does not pass for a server's own
 * over TLS. Throws a TypeError for an origin that no browser would send.
 */
export function createOriginCheck(options: OriginCheckOptions = {}): OriginCheck {
  const isListed = createListCheck(options.origins);
  return (headers, isEncrypted) => {
    const { origin } = headers;
    return (
      typeof origin !== "string" ||
      isListed(origin) ||
      isSameOrigin(origin, headers[":authority"] ?? headers.host, isEncrypted)
    );
  };
}

/** Tells whether options let pages of any origin call. */
export function allowsAnyOrigin({ origins }: OriginCheckOptions): boolean {
  return origins?.includes(anyOrigin) ?? false;
}

function createListCheck(origins: readonly string[] | undefined): (origin: string) => boolean {
  if (origins === undefined) {
    return (origin) => localOrigin.test(origin);
  }
  if (origins.includes(anyOrigin)) {
    return () => true;
  }
  const listed = new Set(origins.map(normalize));
  return (origin) => listed.has(origin);
}

function isSameOrigin(
  origin: string,
  authority: string | string[] | undefined,
  isEncrypted: boolean,
): boolean {
  const page = URL.parse(origin);
  if (!page?.host || typeof authority !== "string") {
    return false;
  }
  const isDowngraded = isEncrypted && page.protocol !== "https:";
  // Parsed with the scheme of the page, whose own port either of them may leave out.
  return !isDowngraded && page.host === URL.parse(`${page.protocol}//${authority}`)?.host;
}

/** As browsers write it: lower case, without the scheme's own port. */
function normalize(origin: string): string {
  const url = URL.parse(origin);
  const isOrigin = url !== null && /^[a-z][a-z0-9+.-]*:\/\/[^/?#@\s]+$/i.test(origin);
  if (!isOrigin) {
    throw new TypeError(
      `"${origin}" is not an origin: write it like https://chat.example.com, without a path`,
    );
  }
  // Other schemes than those of the web have no origin to URL: those of apps, for example.
  return url.origin === "null" ? origin.toLowerCase() : url.origin;
}

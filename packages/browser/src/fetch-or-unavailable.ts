import { Code, ConnectError } from "@connectrpc/connect";

type Fetch = typeof globalThis.fetch;

/**
 * The same fetch, for Connect's transport, which gives a server that cannot be reached the
 * code UNKNOWN: here it is UNAVAILABLE, with fetch's own error as the cause.
 */
export function fetchOrUnavailable(
  fetch: Fetch = (...request) => globalThis.fetch(...request),
): Fetch {
  return async (...request) => {
    try {
      return await fetch(...request);
    } catch (error) {
      // A network error, by https://fetch.spec.whatwg.org; an aborted request has another.
      if (error instanceof TypeError) {
        throw new ConnectError(error.message, Code.Unavailable, undefined, undefined, error);
      }
      throw error;
    }
  };
}

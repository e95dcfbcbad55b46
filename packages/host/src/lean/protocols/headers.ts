import type { OutgoingHttpHeaders } from "node:http2";

/**
 * The headers of a response. Where nothing was added to them they are listed, which costs less
 * than an object of them.
 */
export function responseHeaders(
  status: number,
  contentType: string,
  header: Headers | undefined,
): OutgoingHttpHeaders | string[] {
  if (!header) {
    const list = [":status", String(status), "content-type", contentType, "", ""];
    // Node adds the date: an array that has no room for it would make room for much more.
    list.length = 4;
    return list;
  }
  const headers = toNodeHeaders(header);
  headers[":status"] = status;
  headers["content-type"] = contentType;
  return headers;
}

export function toNodeHeaders(header: Headers): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = {};
  header.forEach((value, name) => {
    headers[name] = value;
  });
  if (headers["set-cookie"] !== undefined) {
    // The one that comes more than once: its values cannot be put together.
    headers["set-cookie"] = header.getSetCookie();
  }
  return headers;
}

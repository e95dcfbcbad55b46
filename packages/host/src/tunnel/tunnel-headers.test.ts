import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeRequest } from "./tunnel-frames.ts";
import { mergeRequestHeaders } from "./tunnel-headers.ts";

const upgrade = {
  ...{ host: "example.com", origin: "https://example.com", "user-agent": "browser" },
  ...{ connection: "Upgrade", upgrade: "websocket", "sec-websocket-key": "x" },
  ...{ "accept-encoding": "gzip", "cache-control": "no-cache", "content-length": "0" },
  ...{ cookie: "id=1", authorization: "Basic x", "x-forwarded-for": "192.0.2.1" },
};

test("of the upgrade request comes what is not about the upgrade", () => {
  assert.deepEqual(
    { ...mergeRequestHeaders(upgrade, {}, true) },
    {
      ...{ host: "example.com", origin: "https://example.com", "user-agent": "browser" },
      ...{ cookie: "id=1", authorization: "Basic x", "x-forwarded-for": "192.0.2.1" },
    },
  );
});

test("credentials of the upgrade request come from pages of the same origin only", () => {
  const headers = mergeRequestHeaders(upgrade, {}, false);
  assert.equal(headers.cookie, undefined);
  assert.equal(headers.authorization, undefined);
});

test("authorization of the first frame counts, and no header of the connection", () => {
  const frame = {
    ...{ authorization: "Bearer y", "x-own": "z", "user-agent": "script" },
    ...{ host: "evil", origin: "https://evil", cookie: "id=2", forwarded: "for=evil" },
    ...{ "x-forwarded-proto": "https", "x-real-ip": "evil", te: "trailers", via: "evil" },
  };
  const headers = mergeRequestHeaders(upgrade, frame, true);
  assert.equal(headers.authorization, "Bearer y");
  assert.equal(headers["x-own"], "z");
  assert.equal(headers["user-agent"], "browser");
  assert.equal(headers.host, "example.com");
  assert.equal(headers.cookie, "id=1");
  for (const name of ["forwarded", "x-forwarded-proto", "x-real-ip", "te", "via"]) {
    assert.equal(headers[name], undefined, name);
  }
});

test("names are taken in lower case, values of one name together", () => {
  const headers = decodeRequest('{"headers":{"A":"1","a":["2"," 3 "],"__proto__":"4"}}');
  assert.deepEqual(Object.entries(headers), [
    ["a", "1, 2,  3"],
    ["__proto__", "4"],
  ]);
});

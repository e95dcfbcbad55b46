import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { createOriginCheck } from "./origin-check.ts";

const host = "chat.example.com";

suite("by default", () => {
  const isAllowed = createOriginCheck();
  const cases: [origin: string | undefined, isEncrypted: boolean, expected: boolean][] = [
    [undefined, false, true],
    ["http://localhost", false, true],
    ["http://localhost:5173", false, true],
    ["https://localhost:5173", true, true],
    ["http://127.0.0.1:8080", true, true],
    ["http://[::1]:8080", false, true],
    ["http://localhost.example.com", false, false],
    ["http://evil-localhost:80", false, false],
    ["http://127.0.0.1.example.com", false, false],
    ["ftp://localhost", false, false],
    ["http://chat.example.com", false, true],
    ["https://chat.example.com", true, true],
    // As behind a proxy that ends TLS.
    ["https://chat.example.com", false, true],
    ["http://chat.example.com", true, false],
    ["https://chat.example.com:8443", true, false],
    ["https://www.example.com", true, false],
    ["https://example.com", true, false],
    ["null", false, false],
    ["", false, false],
    ["about:blank", false, false],
    ["not an origin", false, false],
  ];
  for (const [origin, isEncrypted, expected] of cases) {
    const scheme = isEncrypted ? "https" : "http";
    test(`${origin} ${expected ? "may" : "may not"} call ${scheme}://${host}`, () => {
      assert.equal(isAllowed({ host, origin }, isEncrypted), expected);
      assert.equal(isAllowed({ ":authority": host, origin }, isEncrypted), expected);
    });
  }

  test("a scheme's own port may be written or not", () => {
    const origin = "https://chat.example.com";
    assert.equal(isAllowed({ host: "chat.example.com:443", origin }, true), true);
    assert.equal(isAllowed({ host: "Chat.Example.com", origin }, true), true);
    assert.equal(isAllowed({ host: "chat.example.com:80", origin }, true), false);
  });

  test("a request without an authority has no same origin", () => {
    assert.equal(isAllowed({ origin: "https://undefined" }, true), false);
    assert.equal(isAllowed({ host: "", origin: "file://" }, false), false);
  });
});

suite("with a list", () => {
  const origins = ["https://A.example.com", "https://b.example.com:443", "capacitor://localhost"];
  const isAllowed = createOriginCheck({ origins });
  const cases: [origin: string, expected: boolean][] = [
    ["https://a.example.com", true],
    ["https://b.example.com", true],
    ["capacitor://localhost", true],
    ["http://a.example.com", false],
    ["https://a.example.com:8443", false],
    ["https://a.example.com.evil.example", false],
    ["http://localhost:5173", false],
    ["https://chat.example.com", true],
    ["null", false],
  ];
  for (const [origin, expected] of cases) {
    test(`${origin} ${expected ? "may" : "may not"} call`, () => {
      assert.equal(isAllowed({ host, origin }, true), expected);
    });
  }
});

test("an empty list leaves the same origin", () => {
  const isAllowed = createOriginCheck({ origins: [] });
  assert.equal(isAllowed({ host, origin: `https://${host}` }, true), true);
  assert.equal(isAllowed({ host, origin: "http://localhost" }, false), false);
});

test('"*" allows any', () => {
  const isAllowed = createOriginCheck({ origins: ["https://a.example.com", "*"] });
  assert.equal(isAllowed({ host, origin: "https://b.example.com" }, true), true);
  assert.equal(isAllowed({ host, origin: "null" }, true), true);
});

for (const origin of [
  "",
  "example.com",
  "https://example.com/",
  "https://a.b/c",
  "null",
  "https://",
]) {
  test(`"${origin}" is no origin to allow`, () => {
    assert.throws(() => createOriginCheck({ origins: [origin] }), TypeError);
  });
}

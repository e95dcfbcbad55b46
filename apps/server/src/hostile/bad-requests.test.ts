import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { Code } from "@connectrpc/connect";
import { codeOf, envelope, type RawRequest, rawClients } from "../testing/raw-request.ts";
import { suiteServer } from "../testing/suite-server.ts";

/** A request that no client of the contract makes, and what it is answered. */
interface Case {
  readonly because: string;
  readonly request: RawRequest;
  /** Or that no protobuf of the kind could be read, for which answers have two codes. */
  readonly code?: Code;
  readonly status?: number;
}

const encoder = new TextEncoder();
const json = encoder.encode('{"room":"room","user":"ada","content":"x"}');
/** A field of length-delimited type that says it has 127 bytes, and has one. */
const brokenProto = Uint8Array.of(0x0a, 127, 0x61);
const invalidUtf8 = Uint8Array.of(0x0a, 1, 0xff, 0x12, 1, 0x61, 0x1a, 1, 0x61);
const path = (method: string) => `/chat.v1.ChatService/${method}`;

const unaryTypes = {
  "application/grpc": "proto",
  "application/grpc+json": "json",
  "application/grpc-web": "proto",
  "application/grpc-web+json": "json",
} as const;
const streamTypes = {
  ...unaryTypes,
  "application/connect+proto": "proto",
  "application/connect+json": "json",
} as const;

function call(type: string, method: string, body: Uint8Array): RawRequest {
  return { path: path(method), headers: { "content-type": type, te: "trailers" }, body };
}

/**
 * What gRPC's list of codes has for a message that cannot be parsed
 * (https://github.com/grpc/grpc/blob/master/doc/statuscodes.md).
 */
const unreadable = Code.Internal;

const cases: Case[] = [
  {
    because: "JSON cannot be parsed",
    request: call("application/json", "SendMessage", encoder.encode("{")),
    code: Code.InvalidArgument,
    status: 400,
  },
  {
    because: "protobuf cannot be parsed",
    request: call("application/proto", "SendMessage", brokenProto),
    code: unreadable,
  },
  {
    because: "a string is not UTF-8",
    request: call("application/proto", "SendMessage", invalidUtf8),
    code: unreadable,
  },
  {
    because: "JSON has a field that does not exist as a number",
    request: call("application/json", "SendMessage", encoder.encode('{"room":1}')),
    code: Code.InvalidArgument,
  },
  {
    because: "JSON is no object",
    request: call("application/json", "SendMessage", encoder.encode("[]")),
    code: Code.InvalidArgument,
  },
  {
    because: "a timestamp is none",
    request: call(
      "application/connect+json",
      "UploadMessages",
      envelope(encoder.encode('{"room":"a","user":"a","content":"a","timestamp":"yesterday"}')),
    ),
    code: Code.InvalidArgument,
  },
  ...Object.entries(streamTypes).flatMap(([type, codec]) =>
    ["UploadMessages", ...(type in unaryTypes ? ["SendMessage"] : [])].flatMap((method): Case[] => {
      const of = (because: string, body: Uint8Array, code: Case["code"] & {}) => ({
        because: `${type} of ${method} ${because}`,
        request: call(type, method, body),
        code,
      });
      return [
        of(
          "cannot be parsed",
          envelope(brokenProto),
          codec === "json" ? Code.InvalidArgument : unreadable,
        ),
        of("ends within a message", envelope(json, 0, json.length + 1), Code.InvalidArgument),
        of("ends within a header", envelope(json).subarray(0, 3), Code.InvalidArgument),
        of("has a message of 4 GiB", envelope(json, 0, 0xffff_ffff), Code.ResourceExhausted),
        of("is compressed by nothing", envelope(json, 1), Code.Internal),
      ];
    }),
  ),
  ...["application/grpc", "application/grpc-web"].map((type) => ({
    because: `${type} has no message for a unary method`,
    request: call(type, "SendMessage", new Uint8Array()),
    code: Code.Unimplemented,
  })),
  ...["application/proto", "application/json", ...Object.keys(streamTypes)].flatMap((type) =>
    [path("Delete"), "/chat.v1.Nothing/SendMessage", "/chat.ChatService/Delete"].map((unknown) => ({
      because: `${type} calls ${unknown}`,
      request: { ...call(type, "", json), path: unknown },
      code: Code.Unimplemented,
    })),
  ),
  ...["text/plain", "application/xml", "application/grpc+thrift", "application/connect+proto"].map(
    (type) => ({
      because: `SendMessage is called with ${type}`,
      request: call(type, "SendMessage", json),
      status: 415,
    }),
  ),
  { because: "it has no type", request: { path: path("SendMessage"), body: json }, status: 415 },
  ...["GET", "PUT", "DELETE", "PATCH"].map((method) => ({
    because: `SendMessage is called by ${method}`,
    request: { method, path: path("SendMessage") },
    status: 405,
  })),
  ...["gzip", "br"].map((encoding) => ({
    because: `it is not ${encoding} as it says`,
    request: {
      ...call("application/json", "SendMessage", json),
      headers: { "content-type": "application/json", "content-encoding": encoding },
    },
    code: Code.InvalidArgument,
  })),
  {
    because: "nobody knows its compression",
    request: {
      ...call("application/json", "SendMessage", json),
      headers: { "content-type": "application/json", "content-encoding": "zstd9" },
    },
    code: Code.Unimplemented,
  },
  {
    because: "its deadline is no number",
    request: {
      ...call("application/json", "SendMessage", json),
      headers: { "content-type": "application/json", "connect-timeout-ms": "soon" },
    },
    code: Code.InvalidArgument,
  },
  {
    because: "a GET has no message",
    request: { method: "GET", path: `${path("ListRooms")}?connect=v1&encoding=json` },
    status: 400,
  },
  {
    because: "a GET has a message that cannot be parsed",
    request: { method: "GET", path: `${path("ListRooms")}?encoding=json&message=%7B` },
    code: Code.InvalidArgument,
    status: 400,
  },
];

const ways = [
  { httpVersion: "1.1", leanPath: false },
  { httpVersion: "2", leanPath: false },
  { httpVersion: "2", leanPath: true },
] as const;
for (const { httpVersion, leanPath } of ways) {
  suite(`HTTP/${httpVersion}, ${leanPath ? "lean" : "stock"} path`, () => {
    const server = suiteServer({ flags: () => (leanPath ? [] : ["--no-lean-path"]) });

    for (const testCase of cases) {
      test(`refused: ${testCase.because}`, async () => {
        using client = rawClients[httpVersion](server().url);
        const { request, status, code } = testCase;
        const response = await client.request(request);
        const seen = `${response.status} ${response.body}`;
        assert.deepEqual(
          { code: code && codeOf(response), status: status && response.status },
          { code, status },
          seen,
        );
        const next = await client.request(call("application/json", "SendMessage", json));
        assert.equal(next.status, 200, "the same connection goes on");
        using other = rawClients[httpVersion](server().url);
        const others = await other.request(
          call("application/json", "ListRooms", encoder.encode("{}")),
        );
        assert.equal(others.status, 200, "others are served as ever");
      });
    }
  });
}

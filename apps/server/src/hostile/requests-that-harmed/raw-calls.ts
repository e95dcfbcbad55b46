import { envelope } from "../fuzz/wire/envelope.ts";
import { dataFrame, type Field, flag, headersFrame } from "../fuzz/wire/http2-frames.ts";
import { bytesField } from "../fuzz/wire/protobuf-fields.ts";

/** The header fields of a gRPC call of a method of chat.v1.ChatService. */
export function grpcFields(method: string, more: readonly Field[] = []): Field[] {
  return [
    [":method", "POST"],
    [":scheme", "http"],
    [":authority", "localhost"],
    [":path", `/chat.v1.ChatService/${method}`],
    ["content-type", "application/grpc"],
    ["te", "trailers"],
    ...more,
  ];
}

/** A whole gRPC call of ListMessages, on a stream of its own. */
export function listMessagesCall(streamId: number, room: string): Buffer {
  return Buffer.concat([
    headersFrame(streamId, grpcFields("ListMessages")),
    dataFrame(streamId, envelope(bytesField(1, room)), flag.endStream),
  ]);
}

/** The same call as a Connect GET over HTTP/1.1, so many of them one behind the other. */
export function listMessagesGet(room: string, count: number): Buffer {
  const message = encodeURIComponent(JSON.stringify({ room }));
  const path = `/chat.v1.ChatService/ListMessages?connect=v1&encoding=json&message=${message}`;
  return Buffer.from(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`.repeat(count));
}

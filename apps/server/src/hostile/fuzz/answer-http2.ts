import type { Socket } from "node:net";
import {
  flag,
  frameType,
  http2Frame,
  settingsAck,
  windowUpdateFrame,
} from "./wire/http2-frames.ts";

const headerBytes = 9;

/**
 * What a polite HTTP/2 client does by itself: it acknowledges SETTINGS, answers PING, and
 * gives back what DATA took of its windows. The function returned takes what is received.
 */
export function answerHttp2(socket: Socket): (chunk: Buffer) => void {
  let held = Buffer.alloc(0);
  let skipped = 0;

  function answer(header: Buffer, payload: Buffer, length: number): void {
    const type = header.readUInt8(3);
    const isAck = (header.readUInt8(4) & flag.ack) !== 0;
    const streamId = header.readUInt32BE(5);
    if (!socket.writable) {
      return;
    }
    if (type === frameType.settings && !isAck) {
      socket.write(settingsAck);
    } else if (type === frameType.ping && !isAck) {
      socket.write(http2Frame(frameType.ping, flag.ack, 0, payload));
    } else if (type === frameType.data && length > 0) {
      socket.write(
        Buffer.concat([windowUpdateFrame(0, length), windowUpdateFrame(streamId, length)]),
      );
    }
  }

  return (chunk) => {
    let bytes = chunk.subarray(Math.min(skipped, chunk.length));
    skipped -= chunk.length - bytes.length;
    bytes = held.length > 0 ? Buffer.concat([held, bytes]) : bytes;
    while (bytes.length >= headerBytes) {
      const length = bytes.readUIntBE(0, 3);
      const end = headerBytes + length;
      const isPing = bytes.readUInt8(3) === frameType.ping;
      if (isPing && bytes.length < end) {
        break;
      }
      answer(bytes, bytes.subarray(headerBytes, isPing ? end : headerBytes), length);
      skipped = Math.max(0, end - bytes.length);
      bytes = bytes.subarray(Math.min(end, bytes.length));
    }
    held = Buffer.from(bytes);
  };
}

import { chatMessage, contentBytes } from "./requests.ts";

// Unlikely in what else a message carries, and cheap to search for.
const marker = Buffer.from("~#~");
const digits = 12;

/** A message whose text says when it was due. */
export interface StampedMessage {
  /** A copy of the message, in its envelope, stamped with this time. */
  at(timeMs: number): Buffer;
}

/** Makes the template once: stamping it only patches digits, of a microsecond's precision. */
export function createStampedMessage(): StampedMessage {
  const text = `${marker}${"0".repeat(digits)}`;
  const template = chatMessage(text.padEnd(contentBytes, "x"));
  const offset = template.indexOf(marker) + marker.length;
  return {
    at(timeMs) {
      const message = Buffer.from(template);
      message.write(String(Math.round(timeMs * 1_000)).padStart(digits, "0"), offset, "latin1");
      return message;
    },
  };
}

/** Reads the stamp of a payload, in milliseconds, or undefined if it has none. */
export function readStampMs(payload: Buffer): number | undefined {
  const found = payload.indexOf(marker);
  if (found < 0) {
    return undefined;
  }
  let microseconds = 0;
  const start = found + marker.length;
  for (let at = start; at < start + digits; at++) {
    microseconds = microseconds * 10 + (payload[at] as number) - 48;
  }
  return microseconds / 1_000;
}

import type { Message } from "@parley/proto/chat/v1";
import { type FieldViolation, invalidMessage } from "./service-errors.ts";

/** The years 1 to 9999, which are what a Timestamp may stand for. */
const firstSecond = -62_135_596_800n;
const lastSecond = 253_402_300_799n;
const lastNano = 999_999_999;

/**
 * Holds a CHAT message to what its type asks beside the rules of its fields.
 *
 * @param index - of the message in its stream
 * @throws ConnectError INVALID_ARGUMENT when its content is empty, or when its
 * timestamp has no place on the calendar: it would be stored, and then break every
 * reader that wants JSON, where a timestamp is written out.
 */
export function checkChatMessage({ content, timestamp }: Message, index: number): void {
  const violations: FieldViolation[] = [];
  if (content === "") {
    violations.push({ field: "content", description: "must not be empty" });
  }
  const { seconds = 0n, nanos = 0 } = timestamp ?? {};
  if (seconds < firstSecond || seconds > lastSecond) {
    violations.push({ field: "timestamp.seconds", description: "must be of the years 1 to 9999" });
  }
  if (nanos < 0 || nanos > lastNano) {
    violations.push({ field: "timestamp.nanos", description: `must be 0 to ${lastNano}` });
  }
  if (violations.length > 0) {
    throw invalidMessage(index, ...violations);
  }
}

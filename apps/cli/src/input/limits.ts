import { UsageError } from "../failures/errors.ts";
import { countOf } from "../output/text.ts";

// The contract's limits. What breaks them is told here: in the middle of a
// stream the server could only end all of it.

/** How many characters a room's name has at most. */
export const maxRoomCharacters = 128;

/**
 * For how many seconds a message is sent again, at most. Shorter than the server remembers
 * idempotency keys: beyond it, a try could store it twice.
 */
export const maxRetrySeconds = 100;

const maxContentBytes = 10 * 1024 * 1024 - 4 * 1024;

/**
 * Returns the text of a message as it is.
 *
 * @throws UsageError when it is longer than a message may be.
 */
export function checkContent(content: string): string {
  const bytes = Buffer.byteLength(content);
  if (bytes > maxContentBytes) {
    throw new UsageError(
      `the text is too long: ${countOf(bytes, "byte")}, where a message has at most ${maxContentBytes.toLocaleString("en")}`,
    );
  }
  return content;
}

import { UsageError } from "./errors.ts";

/** A line of text and where it stands, the first being 1. */
export interface NumberedLine {
  readonly number: number;
  readonly text: string;
}

// No message the server takes has a longer line: 10 MiB of content, escaped.
const defaultMaxLineBytes = 64 * 1024 * 1024;

const lineFeed = 0x0a;

/**
 * Splits bytes into lines as they come, blank ones left out. Reads no further
 * than its consumer, and holds no more than one line and one chunk.
 *
 * @throws UsageError, with the line's number, for a line that is not UTF-8 or too long.
 */
export async function* readLines(
  source: AsyncIterable<Uint8Array>,
  maxLineBytes: number = defaultMaxLineBytes,
): AsyncGenerator<NumberedLine> {
  let number = 1;
  let parts: Uint8Array[] = [];
  let heldBytes = 0;
  const hold = (part: Uint8Array) => {
    heldBytes += part.length;
    if (heldBytes > maxLineBytes) {
      throw new UsageError(`line ${number}: longer than ${maxLineBytes} bytes`);
    }
    parts.push(part);
  };
  const take = (): NumberedLine => {
    const line = { number, text: decodeLine(parts, number) };
    number++;
    parts = [];
    heldBytes = 0;
    return line;
  };
  for await (const chunk of source) {
    let start = 0;
    for (let end = chunk.indexOf(lineFeed); end >= 0; end = chunk.indexOf(lineFeed, start)) {
      hold(chunk.subarray(start, end));
      start = end + 1;
      const line = take();
      if (line.text.trim() !== "") {
        yield line;
      }
    }
    hold(chunk.subarray(start));
  }
  const last = take();
  if (last.text.trim() !== "") {
    yield last;
  }
}

function decodeLine(parts: readonly Uint8Array[], number: number): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(parts));
  } catch {
    throw new UsageError(`line ${number}: not valid UTF-8`);
  }
}

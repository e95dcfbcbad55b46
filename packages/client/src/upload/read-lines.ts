import { UploadLineError } from "./upload-line-error.ts";

/** A line of text and where it stands, the first being 1. */
export interface NumberedLine {
  readonly number: number;
  readonly text: string;
}

/** Options of `readLines`. */
export interface ReadLinesOptions {
  /**
   * The longest line, in bytes. Default 64 MiB: no message that the server takes
   * has a longer one, with 10 MiB of content, escaped.
   */
  maxLineBytes?: number | undefined;
  /** Told of a line that is not UTF-8 or too long, which is then left out. Default: it is thrown. */
  onBadLine?: ((error: UploadLineError) => void) | undefined;
}

const lineFeed = 0x0a;

/**
 * Splits bytes into lines as they come, blank ones left out. Reads no further
 * than its consumer, and holds no more than one line and one chunk.
 *
 * @throws UploadLineError for a line that is not UTF-8 or too long.
 */
export async function* readLines(
  source: AsyncIterable<Uint8Array>,
  { maxLineBytes = 64 * 1024 * 1024, onBadLine = throwError }: ReadLinesOptions = {},
): AsyncGenerator<NumberedLine> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let number = 1;
  let parts: Uint8Array[] = [];
  let heldBytes = 0;
  const hold = (part: Uint8Array) => {
    const isNews = heldBytes <= maxLineBytes;
    heldBytes += part.length;
    if (heldBytes <= maxLineBytes) {
      parts.push(part);
    } else if (isNews) {
      parts = [];
      onBadLine(new UploadLineError(number, `longer than ${maxLineBytes} bytes`));
    }
  };
  const take = (): NumberedLine | undefined => {
    let text = "";
    try {
      text = decoder.decode(concatenate(parts));
    } catch {
      onBadLine(new UploadLineError(number, "not valid UTF-8"));
    }
    const line = { number, text };
    number++;
    parts = [];
    heldBytes = 0;
    return text.trim() === "" ? undefined : line;
  };
  for await (const chunk of source) {
    let start = 0;
    for (let end = chunk.indexOf(lineFeed); end >= 0; end = chunk.indexOf(lineFeed, start)) {
      hold(chunk.subarray(start, end));
      start = end + 1;
      const line = take();
      if (line) {
        yield line;
      }
    }
    hold(chunk.subarray(start));
  }
  const last = take();
  if (last) {
    yield last;
  }
}

function throwError(error: UploadLineError): never {
  throw error;
}

function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const [first] = parts;
  if (first && parts.length === 1) {
    return first;
  }
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

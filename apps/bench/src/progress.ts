/** A line that tells how far a long run is. */
export interface Progress {
  show(text: string): void;
  /** Removes the line, before anything else is printed. */
  clear(): void;
}

/** Shows progress on standard error, when that is a terminal; else does nothing. */
export function createProgress(stream: NodeJS.WriteStream = process.stderr): Progress {
  if (!stream.isTTY) {
    return { show() {}, clear() {} };
  }
  const startMs = performance.now();
  return {
    show(text) {
      const seconds = Math.round((performance.now() - startMs) / 1_000);
      const line = `${seconds} s, ${text}`;
      stream.write(`\r\u001b[K${line.slice(0, Math.max(20, stream.columns - 1))}`);
    },
    clear: () => void stream.write("\r\u001b[K"),
  };
}

/** The bytes of a file as they are read, a piece at a time, and how many they were. */
export interface WatchedFile extends AsyncIterable<Uint8Array> {
  readonly readBytes: number;
}

/** Reads a file no faster than its consumer does. */
export function watchFile(file: Blob): WatchedFile {
  let readBytes = 0;
  return {
    get readBytes() {
      return readBytes;
    },
    // Not the stream's own iterator, which not every browser has.
    async *[Symbol.asyncIterator]() {
      const reader = file.stream().getReader();
      try {
        for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
          readBytes += piece.value.length;
          yield piece.value;
        }
      } finally {
        await reader.cancel();
      }
    },
  };
}

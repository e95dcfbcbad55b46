/** Chunks that wait to be read. */
export interface ChunkQueue {
  push(chunk: Buffer): void;
  /** The next bytes, or undefined when there are none. */
  shift(): Buffer | undefined;
}

/** A chunk that is smaller is put together with its neighbours. */
const smallBytes = 2_048;
const blockBytes = 16_384;

/**
 * Creates a queue whose memory is in proportion to the bytes in it, however small the
 * pieces are that they come in: a chunk of one byte costs hundreds by itself.
 */
export function createChunkQueue(): ChunkQueue {
  const chunks: Buffer[] = [];
  /** The last of the chunks, as far as it is filled, when it is a block of small ones. */
  let block: Buffer | undefined;
  let filledBytes = 0;

  function closeBlock() {
    if (block) {
      chunks.push(block.subarray(0, filledBytes));
      block = undefined;
      filledBytes = 0;
    }
  }

  return {
    push(chunk) {
      if (chunk.length >= smallBytes) {
        closeBlock();
        chunks.push(chunk);
        return;
      }
      if (block && filledBytes + chunk.length > blockBytes) {
        closeBlock();
      }
      block ??= Buffer.allocUnsafeSlow(blockBytes);
      filledBytes += chunk.copy(block, filledBytes);
    },
    shift() {
      if (chunks.length === 0) {
        closeBlock();
      }
      return chunks.shift();
    },
  };
}

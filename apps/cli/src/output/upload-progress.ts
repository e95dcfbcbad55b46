import cliProgress from "cli-progress";

/** The progress bar of an upload. */
export interface UploadProgress {
  /** Passes bytes through and counts them. */
  watch(bytes: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array>;
  /** Tells how many messages were sent so far. */
  readonly sent: (count: number) => void;
  /** Takes the bar away; a second call does nothing. */
  stop(): void;
}

/**
 * Draws the progress of an upload on standard error: by bytes where the size is
 * known, else as a count. Draws nothing where standard error is no terminal.
 */
export function createUploadProgress(sizeBytes: number | undefined): UploadProgress {
  const startedMs = performance.now();
  let readBytes = 0;
  let sentCount = 0;
  const bar = new cliProgress.SingleBar(
    {
      format: (options, params) => {
        const elapsedSeconds = (performance.now() - startedMs) / 1_000;
        const rate = Math.round(sentCount / Math.max(elapsedSeconds, 0.001));
        const count = `${sentCount.toLocaleString("en")} messages, ${rate.toLocaleString("en")}/s`;
        if (sizeBytes === undefined) {
          return count;
        }
        const drawn = cliProgress.Format.BarFormat(params.progress, options);
        const left = formatTimeLeft(elapsedSeconds, readBytes / sizeBytes);
        return `${drawn} ${Math.floor(params.progress * 100)}%  ${count}${left}`;
      },
      stream: process.stderr,
      hideCursor: true,
      clearOnComplete: true,
      // An upload of unknown size moves nothing but the count.
      forceRedraw: true,
      // The command ends itself on a signal, and stops the bar then.
      gracefulExit: false,
    },
    cliProgress.Presets.shades_classic,
  );
  bar.start(sizeBytes ?? 1, 0);
  return {
    async *watch(bytes) {
      for await (const chunk of bytes) {
        readBytes += chunk.length;
        yield chunk;
      }
    },
    sent(count) {
      sentCount = count;
      bar.update(sizeBytes === undefined ? 0 : readBytes);
    },
    stop: () => bar.stop(),
  };
}

/** `, 12 s left`; nothing before there is something to reckon with. */
export function formatTimeLeft(elapsedSeconds: number, doneShare: number): string {
  if (elapsedSeconds < 0.5 || doneShare <= 0 || doneShare > 1) {
    return "";
  }
  const seconds = Math.ceil((elapsedSeconds * (1 - doneShare)) / doneShare);
  return seconds < 100 ? `, ${seconds} s left` : `, ${Math.ceil(seconds / 60)} min left`;
}

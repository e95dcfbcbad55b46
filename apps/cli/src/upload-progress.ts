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

const barOfBytes = "{bar} {percentage}%  {messages} messages  {eta_formatted} left";
const counter = "{messages} messages";

/**
 * Draws the progress of an upload on standard error: by bytes where the size is
 * known, else as a count. Draws nothing where standard error is no terminal.
 */
export function createUploadProgress(sizeBytes: number | undefined): UploadProgress {
  const bar = new cliProgress.SingleBar(
    {
      format: sizeBytes === undefined ? counter : barOfBytes,
      stream: process.stderr,
      hideCursor: true,
      clearOnComplete: true,
      // The command ends itself on a signal, and stops the bar then.
      gracefulExit: false,
    },
    cliProgress.Presets.shades_classic,
  );
  bar.start(sizeBytes ?? 1, 0, { messages: "0" });
  let readBytes = 0;
  const show = (count: number) => {
    bar.update(sizeBytes === undefined ? 0 : readBytes, { messages: count.toLocaleString("en") });
  };
  return {
    async *watch(bytes) {
      for await (const chunk of bytes) {
        readBytes += chunk.length;
        yield chunk;
      }
    },
    sent: show,
    stop: () => bar.stop(),
  };
}

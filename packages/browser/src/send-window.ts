/** The credit that one side has for sending. */
export interface SendWindow {
  /** Adds what the other side has granted. */
  grant(bytes: number): void;
  /**
   * Takes up to so many bytes of the credit, as soon as there is any. Resolves with how many
   * may be sent, and with 0 once the window is closed. For one taker at a time.
   */
  take(maxBytes: number): Promise<number>;
  /** Nothing is to be sent any more. */
  close(): void;
  /** The credit left, in bytes. */
  readonly bytes: number;
  readonly isClosed: boolean;
}

/** Creates the credit of one side, with so many bytes to begin with. */
export function createSendWindow(initialBytes: number): SendWindow {
  let bytes = initialBytes;
  let isClosed = false;
  let wake = () => {};
  return {
    get bytes() {
      return bytes;
    },
    get isClosed() {
      return isClosed;
    },
    grant(more) {
      bytes += more;
      wake();
    },
    async take(maxBytes) {
      while (bytes === 0 && !isClosed) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      const taken = isClosed ? 0 : Math.min(bytes, maxBytes);
      bytes -= taken;
      return taken;
    },
    close() {
      isClosed = true;
      wake();
    },
  };
}

/** Wakes one waiter; a notification that comes while nobody waits is kept. */
export class ChangeSignal {
  #notified = false;
  #wake: (() => void) | undefined;

  /** Bound, so that it can be passed as a callback. */
  readonly notify = (): void => {
    this.#notified = true;
    this.#wake?.();
  };

  /**
   * Resolves after the next notification, or at once if there was one since the
   * last wait, or else when the time is up. Without a time-out, it waits for ever.
   */
  async wait(timeoutMs: number = Number.POSITIVE_INFINITY): Promise<void> {
    if (!this.#notified && timeoutMs > 0) {
      let timer: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        if (Number.isFinite(timeoutMs)) {
          timer = setTimeout(resolve, timeoutMs);
        }
      });
      clearTimeout(timer);
      this.#wake = undefined;
    }
    this.#notified = false;
  }
}

/**
 * Calls a listener. As for any event listener, what it throws is its own fault:
 * it is reported, and does not reach the caller.
 */
export function callListener(listener: () => void): void {
  try {
    listener();
  } catch (reason) {
    queueMicrotask(() => {
      throw reason;
    });
  }
}

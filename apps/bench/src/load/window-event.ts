/** The beginning and the end of the time that is measured. */
export type WindowEvent = "opened" | "closed";

/** What the load generator's process tells its parent, and waits for an answer to. */
export interface WindowMessage {
  readonly window: WindowEvent;
}

/**
 * Tells the parent process that the measured time begins or has ended, and resolves when it
 * lets the load go on. What it does meanwhile is not measured.
 */
export async function announceWindow(event: WindowEvent): Promise<void> {
  const message: WindowMessage = { window: event };
  await new Promise((resolve) => {
    process.once("message", resolve);
    process.send?.(message);
  });
}

import type { Host } from "./host.ts";

/**
 * Makes a host end with its process:
 *
 * - SIGTERM and SIGINT close it; the process then ends with code 0. A second one ends the
 *   process at once, with code 1.
 * - An error that nobody handles is logged, and closes it; the process then ends with code 1.
 *   That is a net, in case: what is served meanwhile is let end.
 */
export function endWithProcess({ app, close }: Pick<Host, "app" | "close">): void {
  let isEnding = false;

  async function end(exitCode: number): Promise<void> {
    isEnding = true;
    try {
      await close();
      app.log.info("ended");
    } catch (err) {
      app.log.error({ err }, "ended with an error");
      exitCode ||= 1;
    }
    process.exit(exitCode);
  }

  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.on(signal, () => {
      if (isEnding) {
        app.log.warn({ signal }, "ending at once");
        process.exit(1);
      }
      app.log.info({ signal }, "draining");
      end(0);
    });
  }
  for (const event of ["uncaughtException", "unhandledRejection"] as const) {
    process.on(event, (error: unknown) => {
      app.log.fatal({ err: error }, `${event}: draining`);
      if (!isEnding) {
        end(1);
      }
    });
  }
}

import type { FastifyBaseLogger } from "fastify";

/** How a process comes to its end with what it hosts. */
export interface ProcessEnd {
  /**
   * Closes the host, then ends the process with this code; with 1 at least when closing
   * failed. What is called while it ends changes nothing but the code, which never goes down.
   */
  exit(code: number): void;
  /**
   * Makes the process end so by itself:
   *
   * - on SIGTERM and SIGINT, with code 0; a second one ends the process at once, with code 1;
   * - by an error that nobody handles, which is logged, with code 1. That is a net, in case:
   *   what is served meanwhile is let end.
   */
  watch(): void;
}

/** Creates the end of a process. */
export function createProcessEnd(
  log: Pick<FastifyBaseLogger, "info" | "warn" | "error" | "fatal">,
  close: () => Promise<void>,
): ProcessEnd {
  let exitCode = 0;
  let isEnding = false;

  function exit(code: number): void {
    exitCode = Math.max(exitCode, code);
    if (isEnding) {
      return;
    }
    isEnding = true;
    close()
      .then(() => log.info("ended"))
      .catch((err: unknown) => {
        log.error({ err }, "ended with an error");
        exitCode ||= 1;
      })
      .finally(() => process.exit(exitCode));
  }

  return {
    exit,
    watch() {
      for (const signal of ["SIGTERM", "SIGINT"] as const) {
        process.on(signal, () => {
          if (isEnding) {
            log.warn({ signal }, "ending at once");
            process.exit(1);
          }
          log.info({ signal }, "draining");
          exit(0);
        });
      }
      for (const event of ["uncaughtException", "unhandledRejection"] as const) {
        process.on(event, (error: unknown) => {
          log.fatal({ err: error }, `${event}: draining`);
          exit(1);
        });
      }
    },
  };
}

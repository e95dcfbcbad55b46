const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * Lets signals end the process as `process.exit` does, until it is disposed of: servers are
 * ended by handlers of the process's exit, which a signal alone would skip.
 */
export function exitOnSignals(): Disposable {
  for (const signal of signals) {
    process.once(signal, exit);
  }
  return {
    [Symbol.dispose]() {
      for (const signal of signals) {
        process.off(signal, exit);
      }
    },
  };
}

function exit(): void {
  process.exit(130);
}

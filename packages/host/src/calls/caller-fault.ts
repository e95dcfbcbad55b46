const faults = new WeakSet<object>();

/**
 * Marks an error as brought about by a request that is none, and returns it: whatever code the
 * protocols have for it, INTERNAL among them, it is nothing that an operator could mend, and
 * callers must not be able to fill a log with it.
 */
export function asCallerFault<T>(error: T): T {
  if (typeof error === "object" && error !== null) {
    faults.add(error);
  }
  return error;
}

/** Whether an error was marked by {@link asCallerFault}. */
export function isCallerFault(error: object): boolean {
  return faults.has(error);
}

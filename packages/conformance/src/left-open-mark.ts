/**
 * Begins the line on standard error by which a server tells that calls or connections
 * were left open when the runner had its answers to all cases.
 */
export const leftOpenMark = "left open:";

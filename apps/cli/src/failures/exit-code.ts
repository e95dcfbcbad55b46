import { constants } from "node:os";

/** What `parley` exits with. Scripts rely on these: they do not change meaning. */
export const ExitCode = {
  /** Done; or a command that runs until it is stopped was stopped. */
  Ok: 0,
  /** The server refused the request, or something failed that no other code covers. */
  Failed: 1,
  /** The command line or the input is not valid. */
  Usage: 2,
  /** The server cannot be reached, or is going away. */
  Unavailable: 3,
  /** The position asked for is no longer kept. */
  OutOfRange: 4,
  /** The server did not answer within the timeout. */
  DeadlineExceeded: 5,
  /** Interrupted (Ctrl-C) before the work was done. */
  Interrupted: 130,
} as const;

/** The table of exit codes that `parley --help` ends with. */
export const exitCodeHelp = `Exit codes:
  0    done
  1    the server refused the request, or another failure
  2    the command line or the input is not valid
  3    the server cannot be reached, or is going away
  4    the position is no longer kept (OUT_OF_RANGE)
  5    the server did not answer within --timeout
  130  interrupted before the work was done (143 by SIGTERM)`;

/** The exit code of a process that a signal ended: 128 and the signal's number. */
export function exitCodeOfSignal(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal];
}

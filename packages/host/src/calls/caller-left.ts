import { Code, ConnectError } from "@connectrpc/connect";

/** What ends a call whose caller hears no more of it. */
export function callerLeft(): ConnectError {
  return new ConnectError("the caller went away", Code.Canceled);
}

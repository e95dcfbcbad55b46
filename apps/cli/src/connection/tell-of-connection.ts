import type { StreamState, SubscriptionState } from "@parley/client";
import { describeLoss } from "../failures/errors.ts";
import type { Output } from "../output/output.ts";

/** What is done about the state of a connection. */
export interface ConnectionNotices {
  readonly notice: Output["notice"];
  /** Called once, when the server has answered. */
  readonly onFirstOpen?: () => void;
  /** Called with the error of the first connection, if it fails. */
  readonly giveUp: (error: unknown) => void;
}

/**
 * Makes the listener of a stream's state that tells the user of its connection. The
 * client would try the first one for ever; whoever mistyped the address wants to know.
 */
export function tellOfConnection({
  notice,
  onFirstOpen,
  giveUp,
}: ConnectionNotices): (state: StreamState | SubscriptionState) => void {
  let everOpen = false;
  let isLost = false;
  return (state) => {
    switch (state.name) {
      case "waiting":
        if (!everOpen) {
          giveUp(state.error);
        } else if (!isLost) {
          notice(`connection lost: ${describeLoss(state.error)}; trying again …`);
        }
        isLost = true;
        break;
      case "open":
      case "live":
      case "catching-up":
        if (!everOpen) {
          onFirstOpen?.();
        } else if (isLost) {
          notice("connected again");
        }
        everOpen = true;
        isLost = false;
        break;
    }
  };
}

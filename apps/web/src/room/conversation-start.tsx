import type { ReactNode } from "react";
import type { RoomSnapshot } from "../state/room-snapshot.ts";

/** In pixels, as in conversation.css: the list below has to know. */
export const conversationStartHeight = 76;

export interface ConversationStartProps {
  readonly snapshot: RoomSnapshot;
  readonly onRetry: () => void;
}

/** What stands above the oldest message: that more come, or that there are none. */
export function ConversationStart({ snapshot, onRetry }: ConversationStartProps): ReactNode {
  const { hasOlder, older, wasReset } = snapshot;
  return <div className="conversation-start">{content()}</div>;

  function content(): ReactNode {
    if (older === "failed") {
      return (
        <span role="alert">
          Older messages could not be loaded.{" "}
          <button type="button" className="button button-link" onClick={onRetry}>
            Try again
          </button>
        </span>
      );
    }
    if (hasOlder) {
      return "Loading older messages…";
    }
    return wasReset
      ? "This is where the room begins. The server no longer keeps what stood here before."
      : "This is where the room begins.";
  }
}

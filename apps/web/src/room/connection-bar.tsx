import type { SubscriptionState } from "@parley/client";
import { type ReactNode, useEffect, useState } from "react";
import { Icon } from "../design/icon.tsx";
import { describeError } from "../state/describe-error.ts";
import type { RoomStore } from "../state/room-store.ts";
import { useStore } from "../state/store.ts";
import "./connection-bar.css";

export interface ConnectionBarProps {
  readonly room: RoomStore;
  readonly onRetry: () => void;
}

/** Says why nothing comes, and when it is tried again. It lies over the conversation. */
export function ConnectionBar({ room, onRetry }: ConnectionBarProps): ReactNode {
  const { live } = useStore(room.snapshot);
  const isLost = live.name === "waiting" || (live.name === "closed" && live.error !== undefined);
  return isLost ? <LostBar state={live} onRetry={onRetry} /> : null;
}

function LostBar({ state, onRetry }: { state: SubscriptionState; onRetry: () => void }): ReactNode {
  const secondsLeft = useSecondsUntil(state.name === "waiting" ? state.retryAtMs : 0);
  const problem = "error" in state ? describeError(state.error) : "";
  return (
    <div className="connection-bar">
      <Icon name="alert" size={18} />
      <span className="connection-bar-text">
        <span role="alert">{problem}</span>{" "}
        {state.name === "waiting" &&
          (secondsLeft > 0 ? `Reconnecting in ${secondsLeft} s.` : "Reconnecting…")}
      </span>
      {state.name === "waiting" ? (
        <button type="button" className="button button-link" onClick={onRetry}>
          Try now
        </button>
      ) : (
        <button type="button" className="button button-link" onClick={() => location.reload()}>
          Start over
        </button>
      )}
    </div>
  );
}

/** Whole seconds until then, counted down; 0 once it is time. */
function useSecondsUntil(timeMs: number): number {
  const [nowMs, setNowMs] = useState(() => Date.now());
  useEffect(() => {
    setNowMs(Date.now());
    const timer = setInterval(() => setNowMs(Date.now()), 250);
    return () => clearInterval(timer);
  }, []);
  return Math.max(0, Math.ceil((timeMs - nowMs) / 1_000));
}

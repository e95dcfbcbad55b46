import type { SubscriptionState } from "@parley/client";
import type { ReactNode } from "react";
import type { RoomStore } from "../state/room-store.ts";
import { useStore } from "../state/store.ts";
import "./connection-badge.css";

const badges: Record<SubscriptionState["name"], { text: string; kind: "live" | "busy" | "lost" }> =
  {
    connecting: { text: "Connecting…", kind: "busy" },
    "catching-up": { text: "Catching up…", kind: "busy" },
    live: { text: "Live", kind: "live" },
    waiting: { text: "Offline", kind: "lost" },
    closed: { text: "Offline", kind: "lost" },
  };

/** Whether what is shown is all there is. */
export function ConnectionBadge({ room }: { readonly room: RoomStore }): ReactNode {
  const { live } = useStore(room.snapshot);
  const { text, kind } = badges[live.name];
  return (
    <span className={`connection-badge connection-badge-${kind}`} role="status">
      {text}
    </span>
  );
}

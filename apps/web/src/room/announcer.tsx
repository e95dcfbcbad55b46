import type { Message } from "@parley/client";
import { type ReactNode, useEffect, useRef, useState } from "react";

export interface AnnouncerProps {
  readonly messages: readonly Message[];
  readonly user: string;
}

// More than these are counted: a reader that is busy with them reads nothing else.
const maxRead = 3;

/** Has screen readers read what others say while it is said. */
export function Announcer({ messages, user }: AnnouncerProps): ReactNode {
  const [text, setText] = useState("");
  const lastSequence = useRef(messages.at(-1)?.sequence ?? 0n);
  useEffect(() => {
    const since = lastSequence.current;
    lastSequence.current = messages.at(-1)?.sequence ?? 0n;
    let first = messages.length;
    while (first > 0 && (messages[first - 1] as Message).sequence > since) {
      first--;
    }
    const news = messages.slice(first).filter((message) => message.user !== user);
    if (news.length > maxRead) {
      setText(`${news.length} new messages`);
    } else if (news.length > 0) {
      setText(news.map((message) => `${message.user}: ${message.content}`).join("\n"));
    }
  }, [messages, user]);
  return (
    <div className="visually-hidden" aria-live="polite">
      {text}
    </div>
  );
}

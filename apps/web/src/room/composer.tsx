import {
  type KeyboardEvent,
  type ReactNode,
  useEffect,
  useLayoutEffect,
  useRef,
  useState,
} from "react";
import { Icon } from "../design/icon.tsx";
import type { RoomStore } from "../state/room-store.ts";
import "./composer.css";

export interface ComposerProps {
  readonly room: RoomStore;
  readonly onSent: () => void;
  /** Whoever goes up from an empty line wants to read. */
  readonly onLeaveUp: () => void;
}

/** What was typed in rooms and not sent, for as long as the page lives. */
const drafts = new Map<string, string>();

// With a finger, Enter is for another line: there is a button to send.
const isTouch = matchMedia("(pointer: coarse)");

/** Where one says something. Enter sends, with Shift it starts another line. */
export function Composer({ room, onSent, onLeaveUp }: ComposerProps): ReactNode {
  const [text, setText] = useState(() => drafts.get(room.room) ?? "");
  const field = useRef<HTMLTextAreaElement>(null);
  const isEmpty = text.trim() === "";

  useEffect(() => {
    drafts.set(room.room, text);
  }, [room, text]);
  useEffect(() => {
    if (!isTouch.matches && !document.querySelector("dialog[open]")) {
      field.current?.focus();
    }
  }, []);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the text is what gives the field its height
  useLayoutEffect(() => {
    const element = field.current;
    if (element) {
      element.style.height = "auto";
      element.style.height = `${element.scrollHeight}px`;
    }
  }, [text]);

  const send = () => {
    if (!isEmpty) {
      room.outbox.send(text.trim());
      setText("");
      onSent();
      field.current?.focus();
    }
  };
  const onKeyDown = (event: KeyboardEvent<HTMLTextAreaElement>) => {
    if (event.nativeEvent.isComposing || event.altKey) {
      return;
    }
    if (event.key === "Enter" && !event.shiftKey && !isTouch.matches) {
      event.preventDefault();
      send();
    } else if (event.key === "ArrowUp" && text === "") {
      event.preventDefault();
      onLeaveUp();
    } else if (event.key === "Escape") {
      onSent();
    }
  };

  return (
    <form
      className="composer"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <div className="composer-box">
        <textarea
          ref={field}
          rows={1}
          value={text}
          placeholder={`Message # ${room.room}`}
          aria-label={`Message to ${room.room}`}
          enterKeyHint={isTouch.matches ? "enter" : "send"}
          onChange={(event) => setText(event.target.value)}
          onKeyDown={onKeyDown}
        />
        <button type="submit" className="composer-send" disabled={isEmpty} aria-label="Send">
          <Icon name="send" />
        </button>
      </div>
    </form>
  );
}

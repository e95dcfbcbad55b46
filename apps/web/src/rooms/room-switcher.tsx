import { type ReactNode, useEffect, useId, useRef, useState } from "react";
import { Dialog } from "../design/dialog.tsx";
import { Icon } from "../design/icon.tsx";
import { countOf } from "../format/quantity.ts";
import { openRoom } from "../shell/route.ts";
import { formatUnread } from "../state/unread-count.ts";
import { isName } from "../state/user.ts";
import { filterRooms, type RoomEntry } from "./room-entries.ts";
import "./room-list.css";
import "./room-switcher.css";
import { useRoomEntries } from "./use-room-entries.ts";

interface Option {
  readonly name: string;
  /** Undefined for a room that would be made. */
  readonly room?: RoomEntry;
}

const maxShown = 50;

/** Goes to a room by the first letters of its name; a name that is new makes one. */
export function RoomSwitcher({ onClose }: { readonly onClose: () => void }): ReactNode {
  const { entries = [] } = useRoomEntries();
  const [text, setText] = useState("");
  const [index, setIndex] = useState(0);
  const listId = useId();
  const options = toOptions(entries, text);
  const active = Math.min(index, options.length - 1);
  const optionId = (position: number) => `${listId}-${position}`;
  const list = useRef<HTMLDivElement>(null);
  useEffect(() => {
    list.current?.children[active]?.scrollIntoView({ block: "nearest" });
  }, [active]);

  const choose = (option: Option | undefined) => {
    if (option) {
      openRoom(option.name);
      onClose();
    }
  };

  return (
    <Dialog label="Switch rooms" onClose={onClose} isAtTop>
      <div className="room-switcher">
        <input
          className="room-switcher-field"
          role="combobox"
          aria-label="Room"
          aria-expanded="true"
          aria-controls={listId}
          aria-activedescendant={active >= 0 ? optionId(active) : undefined}
          placeholder="Go to a room, or name a new one"
          autoComplete="off"
          spellCheck={false}
          autoFocus
          value={text}
          onChange={(event) => {
            setText(event.target.value);
            setIndex(0);
          }}
          onKeyDown={(event) => {
            if (event.key === "ArrowDown" || event.key === "ArrowUp") {
              event.preventDefault();
              const step = event.key === "ArrowDown" ? 1 : options.length - 1;
              setIndex(options.length === 0 ? 0 : (active + step) % options.length);
            } else if (event.key === "Enter") {
              event.preventDefault();
              choose(options[active]);
            }
          }}
        />
        <div
          ref={list}
          id={listId}
          className="room-switcher-list"
          role="listbox"
          aria-label="Rooms"
        >
          {options.map((option, position) => (
            // biome-ignore lint/a11y/useKeyWithClickEvents: the keys are those of the field above
            <div
              key={option.room ? option.name : "new"}
              id={optionId(position)}
              className="side-link"
              role="option"
              tabIndex={-1}
              aria-selected={position === active}
              onClick={() => choose(option)}
              onPointerMove={() => setIndex(position)}
            >
              <OptionContent option={option} />
            </div>
          ))}
        </div>
        {options.length === 0 && <p className="room-list-note">Type the name of a new room.</p>}
        <p className="room-switcher-hint" aria-hidden="true">
          <span>
            <kbd className="key">↑</kbd> <kbd className="key">↓</kbd> to choose
          </span>
          <span>
            <kbd className="key">Enter</kbd> to go
          </span>
          <span>
            <kbd className="key">Esc</kbd> to stay
          </span>
        </p>
      </div>
    </Dialog>
  );
}

function OptionContent({ option: { name, room } }: { option: Option }): ReactNode {
  if (!room) {
    return (
      <>
        <Icon name="plus" size={18} />
        <span className="side-link-text">Create “{name}”</span>
      </>
    );
  }
  return (
    <>
      <span className="room-list-mark" aria-hidden="true">
        #
      </span>
      <span className="side-link-text">{name}</span>
      {room.memberCount > 0 && (
        <span className="room-switcher-people">
          {countOf(room.memberCount, "person", "people")}
        </span>
      )}
      {room.unread > 0 && <span className="room-list-count">{formatUnread(room.unread)}</span>}
    </>
  );
}

/** The rooms found, those with something unread first where nothing was typed; then the new name. */
function toOptions(entries: readonly RoomEntry[], text: string): Option[] {
  const name = text.trim();
  const found = filterRooms(entries, name);
  const byUnread =
    name === "" ? found.toSorted((a, b) => Number(b.unread > 0) - Number(a.unread > 0)) : found;
  const options: Option[] = byUnread.slice(0, maxShown).map((room) => ({ name: room.name, room }));
  const isNew = isName(name) && !entries.some((room) => room.name === name);
  return isNew ? [...options, { name }] : options;
}

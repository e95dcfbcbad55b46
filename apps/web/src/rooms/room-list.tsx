import { type KeyboardEvent, type ReactNode, useRef } from "react";
import { Icon } from "../design/icon.tsx";
import { countOf } from "../format/quantity.ts";
import { roomHref } from "../shell/route.ts";
import { describeError } from "../state/describe-error.ts";
import { formatUnread } from "../state/unread-count.ts";
import { isName } from "../state/user.ts";
import { filterRooms, type RoomEntry } from "./room-entries.ts";
import "./room-list.css";
import { useNeighbourKeys } from "./use-neighbour-keys.ts";
import { useRoomEntries } from "./use-room-entries.ts";

export interface RoomListProps {
  /** Only rooms whose name holds this are listed; a new name can be made a room. */
  readonly filter: string;
  readonly selected: string | undefined;
  readonly onEnter: (room: string) => void;
  /** The field that the filter is typed in. */
  readonly search: ReactNode;
}

/** More are found by typing: nobody scrolls through them. */
const maxShown = 200;

/** The rooms of the server, with what is unread in them. */
export function RoomList({ filter, selected, onEnter, search }: RoomListProps): ReactNode {
  const { entries, error } = useRoomEntries();
  const list = useRef<HTMLUListElement>(null);
  const found = entries && filterRooms(entries, filter);
  const name = filter.trim();
  const isNew = isName(name) && found !== undefined && !found.some((room) => room.name === name);
  useNeighbourKeys(entries, selected, onEnter);

  const onSearchKey = (event: KeyboardEvent) => {
    const first = found?.[0]?.name;
    if (event.key === "Enter" && name !== "") {
      onEnter(isNew && first?.toLowerCase() !== name.toLowerCase() ? name : (first ?? name));
    } else if (event.key === "ArrowDown") {
      event.preventDefault();
      list.current?.querySelector("a")?.focus();
    }
  };

  return (
    <>
      {/* biome-ignore lint/a11y/noStaticElementInteractions: the keys are those of the field in it */}
      <div onKeyDown={onSearchKey}>{search}</div>
      <nav className="side-bar-rooms" aria-label="Rooms">
        <h2 className="room-list-title">
          <span>Rooms</span>
          {found && <span>{found.length}</span>}
        </h2>
        {isNew && (
          <button type="button" className="side-link" onClick={() => onEnter(name)}>
            <Icon name="plus" size={18} />
            <span className="side-link-text">Create “{name}”</span>
          </button>
        )}
        {!found && !error && <Skeleton />}
        {error && <p className="room-list-note">{describeError(error)}</p>}
        {found?.length === 0 && !isNew && <p className="room-list-note">No rooms yet.</p>}
        <ul ref={list} onKeyDown={moveFocus}>
          {found?.slice(0, maxShown).map((room) => (
            <RoomLink key={room.name} room={room} isCurrent={room.name === selected} />
          ))}
        </ul>
        {found && found.length > maxShown && (
          <p className="room-list-note">
            And {countOf(found.length - maxShown, "more", "more")}: type to find them.
          </p>
        )}
      </nav>
    </>
  );
}

function RoomLink({ room, isCurrent }: { room: RoomEntry; isCurrent: boolean }): ReactNode {
  const isUnread = room.unread > 0 && !isCurrent;
  return (
    <li>
      <a
        className={isUnread ? "side-link room-list-unread" : "side-link"}
        href={roomHref(room.name)}
        aria-current={isCurrent ? "page" : undefined}
      >
        <span className="room-list-mark" aria-hidden="true">
          #
        </span>
        <span className="side-link-text">{room.name}</span>
        {isUnread && (
          <span className="room-list-count">
            {formatUnread(room.unread)}
            <span className="visually-hidden"> unread</span>
          </span>
        )}
      </a>
    </li>
  );
}

function Skeleton(): ReactNode {
  return (
    <div aria-hidden="true">
      {["70%", "45%", "60%", "35%"].map((width) => (
        <div key={width} className="room-list-skeleton" style={{ width }} />
      ))}
    </div>
  );
}

function moveFocus(event: KeyboardEvent<HTMLUListElement>): void {
  const item = document.activeElement?.closest("li");
  const next = { ArrowDown: item?.nextElementSibling, ArrowUp: item?.previousElementSibling }[
    event.key
  ];
  if (next) {
    event.preventDefault();
    next.querySelector("a")?.focus();
  }
}

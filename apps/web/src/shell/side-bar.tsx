import { type ReactNode, useState } from "react";
import { Avatar } from "../design/avatar.tsx";
import { Icon } from "../design/icon.tsx";
import { ThemeButton } from "../design/theme.tsx";
import { RoomList } from "../rooms/room-list.tsx";
import { useStore } from "../state/store.ts";
import { user } from "../state/user.ts";
import { openRoom, useRoute } from "./route.ts";
import "./side-bar.css";
import { SideLink } from "./side-link.tsx";
import { commandKey } from "./use-shortcut.ts";

export interface SideBarProps {
  readonly isHidden: boolean;
  /** Whether it lies over the page. */
  readonly isDrawer: boolean;
  readonly onSwitcher: () => void;
  readonly onName: () => void;
}

/** The rooms, the other pages, and who is there. */
export function SideBar({ isHidden, isDrawer, onSwitcher, onName }: SideBarProps): ReactNode {
  const route = useRoute();
  const name = useStore(user);
  const [filter, setFilter] = useState("");
  const enter = (room: string) => {
    setFilter("");
    openRoom(room);
  };
  return (
    <aside
      className={isHidden ? "side-bar side-bar-hidden" : "side-bar"}
      inert={isHidden}
      aria-label="Rooms and pages"
    >
      <div className="side-bar-brand">
        <a href="#/">
          <img src="/icon.svg" alt="" width="26" height="26" />
          Parley
        </a>
        <ThemeButton />
      </div>
      <RoomList
        filter={filter}
        selected={route.page === "room" ? route.room : undefined}
        onEnter={enter}
        search={
          <div className="side-bar-search">
            <Icon name="search" size={18} />
            <input
              className="field"
              type="text"
              value={filter}
              placeholder="Find or create a room"
              aria-label="Find or create a room"
              autoComplete="off"
              spellCheck={false}
              onChange={(event) => setFilter(event.target.value)}
              onFocus={(event) => event.target.select()}
            />
            <kbd className="key">{commandKey}K</kbd>
          </div>
        }
      />
      <nav className="side-bar-foot" aria-label="Pages">
        {isDrawer && (
          <button type="button" className="side-link" onClick={onSwitcher}>
            <Icon name="search" size={18} />
            Switch rooms
          </button>
        )}
        <SideLink href="#/metrics" icon="chart" isCurrent={route.page === "metrics"}>
          Metrics
        </SideLink>
        <SideLink href="#/upload" icon="upload" isCurrent={route.page === "upload"}>
          Upload
        </SideLink>
        {name !== "" && (
          <button type="button" className="side-bar-user" onClick={onName}>
            <Avatar name={name} isSmall />
            <span className="side-bar-user-name">{name}</span>
            <small>Change</small>
          </button>
        )}
      </nav>
    </aside>
  );
}

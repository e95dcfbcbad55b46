import type { ReactNode } from "react";
import { EmptyState } from "../design/empty-state.tsx";
import { useRoomEntries } from "../rooms/use-room-entries.ts";
import { describeError } from "../state/describe-error.ts";
import "./home-page.css";
import { PageHeader } from "./page-header.tsx";
import { roomHref } from "./route.ts";
import { commandKey } from "./use-shortcut.ts";

/** Where nobody has chosen a room yet. */
export function HomePage({ onMenu }: { readonly onMenu: () => void }): ReactNode {
  const { entries, error } = useRoomEntries();
  const hasRooms = entries !== undefined && entries.length > 0;
  return (
    <>
      <PageHeader title="Welcome" onMenu={onMenu} />
      {error ? (
        <EmptyState icon="alert" title="The rooms could not be loaded">
          <p>{describeError(error)} It is tried again every few seconds.</p>
        </EmptyState>
      ) : (
        <EmptyState icon="people" title={hasRooms ? "Choose a room" : "It is quiet here"}>
          {hasRooms ? (
            <>
              <p className="home-wide">
                Pick one from the list, or press <kbd className="key">{commandKey}K</kbd> and type
                the name of a room, old or new.
              </p>
              <button type="button" className="button button-primary home-narrow" onClick={onMenu}>
                Show the rooms
              </button>
            </>
          ) : (
            <>
              <p>There are no rooms yet. One is made by going there.</p>
              <a className="button button-primary" href={roomHref("general")}>
                Go to general
              </a>
            </>
          )}
        </EmptyState>
      )}
    </>
  );
}

import { type ReactNode, useLayoutEffect, useRef, useState } from "react";
import { Icon } from "../design/icon.tsx";
import { countOf } from "../format/quantity.ts";
import { useRoomEntries } from "../rooms/use-room-entries.ts";
import { PageHeader } from "../shell/page-header.tsx";
import type { RoomStore } from "../state/room-store.ts";
import { type Session, useSession } from "../state/session.ts";
import { type Store, useStore } from "../state/store.ts";
import { createStoredValue } from "../state/stored-value.ts";
import { Composer } from "./composer.tsx";
import { ConnectionBadge } from "./connection-badge.tsx";
import { ConnectionBar } from "./connection-bar.tsx";
import { Conversation, type ConversationHandle } from "./conversation.tsx";
import { MessageSkeleton } from "./message-skeleton.tsx";
import { PeoplePanel } from "./people-panel.tsx";
import "./room-page.css";
import { useMembers } from "./use-members.ts";
import { useRoomTitle } from "./use-room-title.ts";

export interface RoomPageProps {
  readonly room: string;
  readonly onMenu: () => void;
}

/** Whether the list of people was closed. Where there is little place it is closed at first. */
const showsPeople: Store<boolean> = createStoredValue(
  "people",
  matchMedia("(min-width: 1100px)").matches,
  (stored) => (typeof stored === "boolean" ? stored : undefined),
);

/** A room: what is said in it, who is there, and where one says something. */
export function RoomPage({ room: name, onMenu }: RoomPageProps): ReactNode {
  const session = useSession();
  const room = useOpenedRoom(session, name);
  if (room && session) {
    return <OpenedRoom key={session.user} room={room} session={session} onMenu={onMenu} />;
  }
  return (
    <>
      <PageHeader title={`# ${name}`} detail={"\u00a0"} onMenu={onMenu} />
      <MessageSkeleton />
    </>
  );
}

interface OpenedRoomProps {
  readonly room: RoomStore;
  readonly session: Session;
  readonly onMenu: () => void;
}

function OpenedRoom({ room, session, onMenu }: OpenedRoomProps): ReactNode {
  const { entries } = useRoomEntries();
  const entry = entries?.find(({ name }) => name === room.room);
  const members = useMembers(room, entry, session.user);
  const isPeopleShown = useStore(showsPeople);
  useRoomTitle(room.room, entries);
  const people =
    members.count === 0 ? "\u00a0" : `${countOf(members.count, "person", "people")} here`;
  return (
    <>
      <PageHeader title={`# ${room.room}`} detail={people} onMenu={onMenu}>
        <ConnectionBadge room={room} />
        <button
          type="button"
          className="icon-button room-people-button"
          aria-expanded={isPeopleShown}
          aria-label="Show who is here"
          title="Who is here"
          onClick={() => showsPeople.set(!isPeopleShown)}
        >
          <Icon name="people" />
        </button>
      </PageHeader>
      <div className="room">
        <RoomConversation room={room} session={session} />
        {isPeopleShown && (
          <PeoplePanel
            members={members.names}
            memberCount={members.count}
            user={session.user}
            onClose={() => showsPeople.set(false)}
          />
        )}
      </div>
    </>
  );
}

function RoomConversation({ room, session }: { room: RoomStore; session: Session }): ReactNode {
  const conversation = useRef<ConversationHandle>(null);
  return (
    <div className="room-conversation">
      <ConnectionBar room={room} onRetry={() => session.retryNow()} />
      <Conversation ref={conversation} room={room} user={session.user} />
      <Composer
        room={room}
        onSent={() => conversation.current?.showLatest()}
        onLeaveUp={() => conversation.current?.focus()}
      />
    </div>
  );
}

/** Opens the room once it is shown: to open one has the page receive it. */
function useOpenedRoom(session: Session | undefined, name: string): RoomStore | undefined {
  const [room, setRoom] = useState<RoomStore>();
  useLayoutEffect(() => setRoom(session?.open(name)), [session, name]);
  return room;
}

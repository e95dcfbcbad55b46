import { type ReactNode, type Ref, useImperativeHandle, useMemo, useRef } from "react";
import { Virtualizer } from "virtua";
import { EmptyState } from "../design/empty-state.tsx";
import { Icon } from "../design/icon.tsx";
import { countOf } from "../format/quantity.ts";
import type { RoomStore } from "../state/room-store.ts";
import { useStore } from "../state/store.ts";
import { Announcer } from "./announcer.tsx";
import "./conversation.css";
import { ConversationStart, conversationStartHeight } from "./conversation-start.tsx";
import { MessageItem } from "./message-item.tsx";
import { toMessageRows } from "./message-rows.ts";
import { MessageSkeleton } from "./message-skeleton.tsx";
import { useConversationScroll } from "./use-conversation-scroll.ts";
import { useReadMark } from "./use-read-mark.ts";

/** What the parts around a conversation ask of it. */
export interface ConversationHandle {
  /** Scrolls to the newest message. */
  showLatest(): void;
  /** Has the arrow keys scroll. */
  focus(): void;
}

export interface ConversationProps {
  readonly ref: Ref<ConversationHandle>;
  readonly room: RoomStore;
  readonly user: string;
}

// Without it the list guesses, and when it guesses anew it loses what was just scrolled.
const typicalRowHeight = 32;
// What is measured before it comes into view does not move what is in view.
const measuredAheadPixels = 1_000;

/** The messages of a room. Older ones are loaded on the way up. */
export function Conversation(props: ConversationProps): ReactNode {
  const { isLoaded } = useStore(props.room.snapshot);
  return isLoaded ? <LoadedConversation {...props} /> : <MessageSkeleton />;
}

function LoadedConversation({ ref, room, user }: ConversationProps): ReactNode {
  const snapshot = useStore(room.snapshot);
  const outgoing = useStore(room.outbox.entries);
  const { epoch, messages } = snapshot;
  const readMark = useReadMark(room);
  const { newAfter } = readMark;
  const rows = useMemo(
    () => toMessageRows({ epoch, user, messages, outgoing, newAfter }),
    [epoch, user, messages, outgoing, newAfter],
  );
  const scroller = useRef<HTMLDivElement>(null);
  const scroll = useConversationScroll({ room, rows, scroller, onAtEnd: readMark.setIsAtEnd });
  const { retry, discard } = room.outbox;

  useImperativeHandle(ref, () => ({
    showLatest() {
      readMark.clear();
      scroll.showLatest();
    },
    focus: () => scroller.current?.focus(),
  }));

  return (
    <div className="conversation">
      <Announcer messages={messages} user={user} />
      <div
        ref={scroller}
        className="conversation-scroller"
        role="log"
        // What is scrolled into view is not news: the announcer tells what is.
        aria-live="off"
        aria-label={`Messages in ${room.room}`}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: the arrow keys scroll it
        tabIndex={0}
        onKeyDown={(event) => {
          if (event.key === "Escape") {
            readMark.clear();
            scroll.showLatest();
          }
        }}
      >
        {rows.length === 0 ? (
          <EmptyState icon="send" title={`This is # ${room.room}`}>
            <p>Nothing was said here yet. What you say is kept for whoever comes later.</p>
          </EmptyState>
        ) : (
          <>
            <ConversationStart snapshot={snapshot} onRetry={() => room.loadOlder()} />
            <Virtualizer
              ref={scroll.list}
              scrollRef={scroller}
              startMargin={conversationStartHeight}
              data={rows}
              shift={scroll.isShifted}
              itemSize={typicalRowHeight}
              bufferSize={measuredAheadPixels}
              onScroll={scroll.onScroll}
              onResize={scroll.onResize}
            >
              {(row) => (
                <MessageItem
                  key={row.key}
                  row={row}
                  isOwn={row.user === user}
                  onRetry={retry}
                  onDiscard={discard}
                />
              )}
            </Virtualizer>
            <div className="conversation-end" />
          </>
        )}
      </div>
      {!scroll.isAtEnd && (
        <button
          type="button"
          className="button button-primary conversation-jump"
          onClick={() => scroll.showLatest()}
        >
          <Icon name="down" size={16} />
          {readMark.unread > 0 ? countOf(readMark.unread, "new message") : "Jump to latest"}
        </button>
      )}
    </div>
  );
}

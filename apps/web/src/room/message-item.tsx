import { memo, type NamedExoticComponent, type ReactNode } from "react";
import { Avatar } from "../design/avatar.tsx";
import { formatClock, formatDay, formatFull } from "../format/time.ts";
import "./message-item.css";
import type { MessageRow } from "./message-rows.ts";

export interface MessageItemProps {
  readonly row: MessageRow;
  readonly isOwn: boolean;
  readonly onRetry: (key: string) => void;
  readonly onDiscard: (key: string) => void;
}

/** One message, below the dividers that come before it. */
export const MessageItem: NamedExoticComponent<MessageItemProps> = memo(
  function MessageItem({ row, isOwn, onRetry, onDiscard }: MessageItemProps): ReactNode {
    const { user, content, time, outgoing, startsGroup, startsDay, startsNew } = row;
    const classes = [
      "message",
      startsGroup && "message-first",
      outgoing?.status === "sending" && "message-sending",
    ].filter(Boolean);
    return (
      <>
        {startsDay && <div className="message-divider">{formatDay(time)}</div>}
        {startsNew && <div className="message-divider message-divider-new">New messages</div>}
        <article className={classes.join(" ")} data-sequence={row.sequence?.toString()}>
          {startsGroup ? (
            <Avatar name={user} />
          ) : (
            <span className="message-gutter">
              <Clock time={time} />
            </span>
          )}
          <div>
            {startsGroup && (
              <header className="message-head">
                <span className="message-author">{user}</span>
                {isOwn && <span className="message-you">you</span>}
                <Clock time={time} />
              </header>
            )}
            <div className="message-text" dir="auto">
              {content}
            </div>
            {outgoing?.status === "sending" && (
              <span className="visually-hidden" role="status">
                Sending…
              </span>
            )}
            {outgoing?.status === "failed" && (
              <div className="message-problem" role="alert">
                <span>Not sent. {outgoing.problem}</span>
                <button
                  type="button"
                  className="button button-link"
                  onClick={() => onRetry(outgoing.key)}
                >
                  Retry
                </button>
                <button
                  type="button"
                  className="button button-link"
                  onClick={() => onDiscard(outgoing.key)}
                >
                  Discard
                </button>
              </div>
            )}
          </div>
        </article>
      </>
    );
  },
  (before, after) =>
    before.isOwn === after.isOwn &&
    before.onRetry === after.onRetry &&
    before.onDiscard === after.onDiscard &&
    isSameRow(before.row, after.row),
);

function Clock({ time }: { time: Date }): ReactNode {
  return (
    <time dateTime={time.toISOString()} title={formatFull(time)}>
      {formatClock(time)}
    </time>
  );
}

// Rows are made anew with every change of the room; hardly any differs.
function isSameRow(a: MessageRow, b: MessageRow): boolean {
  return (
    a.key === b.key &&
    a.sequence === b.sequence &&
    a.outgoing === b.outgoing &&
    a.startsGroup === b.startsGroup &&
    a.startsDay === b.startsDay &&
    a.startsNew === b.startsNew
  );
}

import { type Timestamp, timestampDate } from "@bufbuild/protobuf/wkt";
import type { Message } from "@parley/client";
import { isSameDay } from "../format/time.ts";
import type { OutgoingEntry } from "../state/outbox.ts";

/** One line of a conversation, with what stands above it. */
export interface MessageRow {
  /** Tells it from all others of the room, and stays when the message comes back stored. */
  readonly key: string;
  readonly user: string;
  readonly content: string;
  readonly time: Date;
  /** Undefined until it is stored. */
  readonly sequence?: bigint;
  readonly outgoing?: OutgoingEntry;
  /** Whether its author and time are shown: others follow what the same author said just before. */
  readonly startsGroup: boolean;
  /** Whether it is the first of its day. */
  readonly startsDay: boolean;
  /** Whether it is the first that was not read. */
  readonly startsNew: boolean;
}

/** What rows are made of. */
export interface RowsSource {
  readonly epoch: string;
  readonly user: string;
  readonly messages: readonly Message[];
  readonly outgoing: readonly OutgoingEntry[];
  /** What comes after it is new; undefined where nothing is to be told apart. */
  readonly newAfter?: bigint | undefined;
}

/** The longest pause within a group. */
const groupPauseMs = 5 * 60 * 1_000;

/** Lines up the messages of a room and those on their way, oldest first. */
export function toMessageRows(source: RowsSource): MessageRow[] {
  const { epoch, user, messages, outgoing, newAfter } = source;
  const rows: MessageRow[] = [];
  let last: MessageRow | undefined;
  let isNewFound = newAfter === undefined;
  const add = (row: Omit<MessageRow, "startsGroup" | "startsDay" | "startsNew">) => {
    const startsDay = !last || !isSameDay(last.time, row.time);
    const startsNew =
      !isNewFound && row.user !== user && (row.sequence ?? 0n) > (newAfter as bigint);
    isNewFound ||= startsNew;
    const isApart =
      !last ||
      last.user !== row.user ||
      row.time.getTime() - last.time.getTime() > groupPauseMs ||
      row.time < last.time;
    last = { ...row, startsDay, startsNew, startsGroup: isApart || startsDay || startsNew };
    rows.push(last);
  };
  const ownKeys = new Set<string>();
  for (const message of messages) {
    // The server forgets keys in time: one may come a second time.
    const { idempotencyKey } = message;
    const isOwn = message.user === user && idempotencyKey !== "" && !ownKeys.has(idempotencyKey);
    if (isOwn) {
      ownKeys.add(idempotencyKey);
    }
    add({
      key: isOwn ? idempotencyKey : `${epoch}:${message.sequence}`,
      user: message.user,
      content: message.content,
      time: timeOf(message.timestamp),
      sequence: message.sequence,
    });
  }
  for (const entry of outgoing) {
    const { key, content } = entry;
    add({ key, user, content, time: new Date(entry.createdAtMs), outgoing: entry });
  }
  return rows;
}

function timeOf(timestamp: Timestamp | undefined): Date {
  return timestamp ? timestampDate(timestamp) : new Date(0);
}

import type { DatabaseSync } from "node:sqlite";
import type { PageDirection, PageLimit } from "../message-log.ts";
import type { PackedPage } from "./worker-messages.ts";

/** Messages without what is known of their room. */
type PackedMessages = Omit<PackedPage, "extent">;

/** A page that holds nothing. */
export function emptyPage(): PackedMessages {
  return {
    sequences: new Float64Array(),
    serials: new Float64Array(),
    payloadBytes: new Uint32Array(),
    payloads: new Uint8Array(),
    hasMore: false,
  };
}

/**
 * Prepares the reading of pages of a room, in one direction from a sequence, whose message is
 * not part of them. SQLite hands a
 * page's payloads over in one piece: a row for each costs three times as much.
 */
export function preparePages(
  database: DatabaseSync,
  direction: PageDirection,
): (roomId: number, from: { readonly sequence: number } & PageLimit) => PackedMessages {
  const [than, order] = direction === "forwards" ? [">", "ASC"] : ["<", "DESC"];
  const select = (columns: string) =>
    `SELECT ${columns} FROM message WHERE room_id = ? AND sequence ${than} ? ORDER BY sequence ${order} LIMIT ?`;
  // The length of a payload is told without reading it.
  const describe = database.prepare(select("sequence, number, length(payload)"));
  // Blobs are concatenated as the bytes that they are, oldest message first in both
  // directions (https://www.sqlite.org/lang_expr.html#castexpr).
  const concatenate = database.prepare(
    `SELECT CAST(group_concat(payload, '' ORDER BY sequence) AS BLOB) FROM (${select("sequence, payload")})`,
  );
  describe.setReturnArrays(true);
  concatenate.setReturnArrays(true);

  return (roomId, { sequence, messages, bytes }) => {
    const rows = describe.all(roomId, sequence, messages + 1) as unknown as Description[];
    const found = rows.slice(0, fitting(rows, messages, bytes));
    if (found.length === 0) {
      return emptyPage();
    }
    const [payloads] = concatenate.get(roomId, sequence, found.length) as unknown as [
      Uint8Array<ArrayBuffer>,
    ];
    if (direction === "backwards") {
      found.reverse();
    }
    return {
      sequences: Float64Array.from(found, ([ofMessage]) => ofMessage),
      serials: Float64Array.from(found, ([, serial]) => serial),
      payloadBytes: Uint32Array.from(found, ([, , length]) => length),
      payloads,
      hasMore: rows.length > found.length,
    };
  };
}

type Description = readonly [sequence: number, serial: number, payloadBytes: number];

/** How many messages a page takes: those within its bounds, but one at least. */
function fitting(rows: readonly Description[], messages: number, bytes: number): number {
  let count = 0;
  let total = 0;
  for (const [, , payloadBytes] of rows) {
    total += payloadBytes;
    if (count === messages || (count > 0 && total > bytes)) {
      break;
    }
    count += 1;
  }
  return count;
}

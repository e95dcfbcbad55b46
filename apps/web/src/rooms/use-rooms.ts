import { useInfiniteQuery } from "@connectrpc/connect-query";
import type { Room } from "@parley/client";
import { ChatService } from "@parley/proto/chat/v1";
import { useEffect, useMemo } from "react";
import { presenceChanges } from "../state/presence-changes.ts";
import { useStore } from "../state/store.ts";
import { applyPresence } from "./apply-presence.ts";

/** All rooms of the server, by name, kept up to date. */
export interface Rooms {
  /** Undefined until they have come. */
  readonly rooms: readonly Room[] | undefined;
  /** Why they did not come, while there are none. */
  readonly error: Error | null;
}

const refreshIntervalMs = 4_000;
// A list that came so long after a change was made after it, too.
const listDelayMs = 2_000;
const pageSize = 1_000;
// More names than anybody scrolls through.
const maxPages = 5;

/**
 * The rooms of the server, asked for again every few seconds while somebody looks. Who came
 * and left in the open rooms shows at once, without asking.
 */
export function useRooms(): Rooms {
  const { data, dataUpdatedAt, error, hasNextPage, isFetching, fetchNextPage } = useInfiniteQuery(
    ChatService.method.listRooms,
    { pageSize, pageToken: "" },
    {
      pageParamKey: "pageToken",
      getNextPageParam: ({ nextPageToken }) => nextPageToken || undefined,
      refetchInterval: refreshIntervalMs,
    },
  );
  const pageCount = data?.pages.length ?? 0;
  useEffect(() => {
    if (hasNextPage && !isFetching && pageCount < maxPages) {
      void fetchNextPage();
    }
  }, [hasNextPage, isFetching, pageCount, fetchNextPage]);
  const changes = useStore(presenceChanges.recent);
  const rooms = useMemo(() => {
    const unlisted = changes.filter(({ atMs }) => atMs + listDelayMs >= dataUpdatedAt);
    return (
      data &&
      applyPresence(
        data.pages.flatMap((page) => page.rooms),
        unlisted,
      )
    );
  }, [data, dataUpdatedAt, changes]);
  return { rooms, error: rooms ? null : error };
}

/** The room with one message of nearly 10 MiB. */
export const hugeRoom = "huge";
/** The room with thousands of small messages. */
export const busyRoom = "busy";
/** Rooms that attacks write to and read. */
export const attackedRooms: readonly string[] = [busyRoom, hugeRoom, "quiet", "fuzz-1", "fuzz-2"];
/** The room that is left to the watcher. */
export const watchedRoom = "watched";

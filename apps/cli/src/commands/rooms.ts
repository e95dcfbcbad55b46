import { type Room, RoomSchema } from "@parley/proto/chat/v1";
import type { Command } from "commander";
import type { CommandContext, RunCommand } from "../context.ts";
import { formatTable } from "../output/table.ts";
import { printableName } from "../output/text.ts";

const pageSize = 1_000;
const membersShown = 5;

/** Adds `parley rooms`. */
export function addRoomsCommand(program: Command, run: RunCommand): void {
  program
    .command("rooms")
    .description("List the rooms that hold messages or have members.")
    .addHelpText(
      "after",
      `
HEAD is the sequence of a room's newest message, MEMBERS the users who read it now.

Examples:
  parley rooms
  parley rooms --json | jq -r .name`,
    )
    .action((_options: unknown, command: Command) => run(command, rooms));
}

async function rooms(context: CommandContext): Promise<void> {
  const { output, signal } = context;
  if (output.json) {
    for await (const room of context.chat.rooms({ pageSize }, { signal })) {
      await output.object(RoomSchema, room);
    }
    return;
  }
  const all: Room[] = [];
  for await (const room of context.chat.rooms({ pageSize }, { signal })) {
    all.push(room);
  }
  if (all.length === 0) {
    output.notice("No rooms yet. A room exists from its first message on.");
    return;
  }
  const table = formatTable(
    [
      { title: "ROOM" },
      { title: "HEAD", align: "right" },
      { title: "MESSAGES", align: "right" },
      { title: "MEMBERS" },
    ],
    all.map((room) => [
      printableName(room.name),
      String(room.head?.sequence ?? 0n),
      String(room.messageCount),
      formatMembers(room),
    ]),
  );
  for (const line of table) {
    await output.line(line);
  }
}

/** `3: alice, bob, carol`; of many members the first few. */
export function formatMembers(room: Pick<Room, "members" | "memberCount">): string {
  const names = room.members.slice(0, membersShown).map(printableName);
  const more = room.memberCount > names.length ? ", …" : "";
  return room.memberCount === 0 ? "0" : `${room.memberCount}: ${names.join(", ")}${more}`;
}

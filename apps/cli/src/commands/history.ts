import type { Message, Position } from "@parley/proto/chat/v1";
import { type Command, Option } from "commander";
import { type CommandContext, parseCount, type RunCommand } from "../context.ts";
import {
  formatPosition,
  type PlainPosition,
  parsePosition,
  shellWord,
  startPosition,
} from "../input/position.ts";

const maxPageSize = 1_000;

interface HistoryOptions {
  readonly limit: number;
  readonly before?: PlainPosition;
  readonly after?: PlainPosition;
  readonly all?: boolean;
}

/** Adds `parley history`. */
export function addHistoryCommand(program: Command, run: RunCommand): void {
  program
    .command("history")
    .description("Print what was said in a room: the newest messages, oldest first.")
    .argument("<room>", "the room to read")
    .addOption(
      new Option("--limit <n>", "how many messages at most").default(50).argParser(parseCount),
    )
    .addOption(
      new Option("--before <position>", "the messages just before a position")
        .argParser(parsePosition)
        .conflicts(["after", "all"]),
    )
    .addOption(
      new Option("--after <position>", "the messages just after a position").argParser(
        parsePosition,
      ),
    )
    .addOption(new Option("--all", "everything the server keeps, or everything after --after"))
    .addHelpText(
      "after",
      `
A position is written <epoch>/<sequence>; "start" is the one before the oldest
message kept. With --json every line carries both.

Examples:
  parley history general
  parley history general --limit 500 --before 7c1e/1200
  parley history general --all --json > general.ndjson`,
    )
    .action((room: string, options: HistoryOptions, command: Command) =>
      run(command, (context) => history(context, room, options)),
    );
}

async function history(
  context: CommandContext,
  room: string,
  options: HistoryOptions,
): Promise<void> {
  if (options.all || options.after) {
    const limit = options.all ? Number.POSITIVE_INFINITY : options.limit;
    await printForwards(context, room, options.after ?? startPosition, limit);
  } else {
    await printNewest(context, room, options.before, options.limit);
  }
}

async function printForwards(
  context: CommandContext,
  room: string,
  start: PlainPosition,
  limit: number,
): Promise<void> {
  const { output, signal } = context;
  let after = start;
  for (let left = limit; left > 0; ) {
    const pageSize = Math.min(left, maxPageSize);
    const page = await context.chat.listMessages({ room, pageSize, after }, { signal });
    const epoch = epochOf(page.head);
    for (const message of page.messages) {
      await output.message(message, epoch);
    }
    left -= page.messages.length;
    const last = page.messages.at(-1);
    if (!page.hasMore || !last) {
      return;
    }
    after = { epoch, sequence: last.sequence };
  }
  hint(
    context,
    `more: parley history ${shellWord(room)} --after ${shellWord(formatPosition(after))}`,
  );
}

async function printNewest(
  context: CommandContext,
  room: string,
  end: PlainPosition | undefined,
  limit: number,
): Promise<void> {
  const { output, signal } = context;
  const pages: Message[][] = [];
  let before = end;
  let hasMore = true;
  let epoch = "";
  for (let left = limit; left > 0 && hasMore; ) {
    const pageSize = Math.min(left, maxPageSize);
    const page = await context.chat.listMessages({ room, pageSize, before }, { signal });
    const first = page.messages[0];
    epoch = epochOf(page.head);
    hasMore = page.hasMore && first !== undefined;
    if (first) {
      pages.unshift(page.messages);
      left -= page.messages.length;
      before = { epoch, sequence: first.sequence };
    }
  }
  for (const message of pages.flat()) {
    await output.message(message, epoch);
  }
  if (hasMore && before) {
    hint(
      context,
      `older: parley history ${shellWord(room)} --before ${shellWord(formatPosition(before))}`,
    );
  } else if (pages.length === 0) {
    hint(context, "nothing was said here yet");
  }
}

function epochOf(head: Position | undefined): string {
  return head?.epoch ?? "";
}

function hint(context: CommandContext, text: string): void {
  if (!context.output.json) {
    context.output.notice(text);
  }
}

import { type Command, Option } from "commander";
import { tellOfConnection } from "../connection/tell-of-connection.ts";
import { type CommandContext, parseCount, type RunCommand } from "../context.ts";
import { formatPosition, type PlainPosition, parsePosition, shellWord } from "../input/position.ts";
import { printableName } from "../output/text.ts";

interface SubscribeOptions {
  readonly after?: PlainPosition;
  readonly presence?: boolean;
  readonly count?: number;
}

/** Adds `parley subscribe`. */
export function addSubscribeCommand(program: Command, run: RunCommand): void {
  program
    .command("subscribe")
    .alias("sub")
    .description("Print a room's messages as they come, until Ctrl-C.")
    .argument("<room>", "the room to read")
    .addOption(
      new Option(
        "--after <position>",
        'start after <epoch>/<sequence>, or with the oldest message kept ("start")',
      ).argParser(parsePosition),
    )
    .addOption(new Option("--presence", "also tell who comes and goes"))
    .addOption(new Option("--count <n>", "end after n messages").argParser(parseCount))
    .addHelpText(
      "after",
      `
A connection that breaks is opened again and goes on where it was: no message is
missed or repeated. At the end it tells the position to go on from next time.

Examples:
  parley subscribe general
  parley subscribe general --after start
  parley subscribe general --after 7c1e/1200 --presence
  parley subscribe builds --json | jq -r .content`,
    )
    .action((room: string, options: SubscribeOptions, command: Command) =>
      run(command, (context) => subscribe(context, room, options)),
    );
}

async function subscribe(
  context: CommandContext,
  room: string,
  options: SubscribeOptions,
): Promise<void> {
  const { output, user } = context;
  const stopped = new AbortController();
  const onStateChange = tellOfConnection({
    notice: output.notice,
    onFirstOpen: () =>
      output.notice(`subscribed to ${printableName(room)} as ${printableName(user)}`),
    giveUp: (error) => stopped.abort(error),
  });
  const subscription = context.chat.subscribe(
    { room, user, after: options.after, presence: options.presence ?? false },
    { signal: AbortSignal.any([context.signal, stopped.signal]), onStateChange },
  );
  let left = options.count ?? Number.POSITIVE_INFINITY;
  for await (const message of subscription) {
    await output.message(message, subscription.position?.epoch ?? "");
    if (--left <= 0) {
      break;
    }
  }
  stopped.signal.throwIfAborted();
  if (subscription.position) {
    output.notice(`resume with --after ${shellWord(formatPosition(subscription.position))}`);
  }
}

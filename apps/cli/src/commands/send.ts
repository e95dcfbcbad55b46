import { text } from "node:stream/consumers";
import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { SendMessageResponseSchema } from "@parley/proto/chat/v1";
import { type Command, InvalidArgumentError, Option } from "commander";
import { type CommandContext, parseSeconds, type RunCommand } from "../context.ts";
import { UsageError } from "../failures/errors.ts";
import { checkContent, maxRetrySeconds } from "../input/limits.ts";
import { printableName } from "../output/text.ts";

interface SendOptions {
  readonly key?: string;
}

/** Adds `parley send`. */
export function addSendCommand(program: Command, run: RunCommand): void {
  program
    .command("send")
    .description("Send one message; done when it is on the server's disk.")
    .argument("<room>", "the room to send to")
    .argument("[content...]", 'the text; "-" or nothing reads it from standard input')
    .option("--key <key>", "idempotency key: sending it again within 2 minutes adds nothing")
    .addOption(
      new Option(
        "--retry <seconds>",
        `go on trying for so long while the server is away, at most ${maxRetrySeconds}`,
      )
        .default(0, "one try")
        .argParser(parseRetry),
    )
    .addHelpText(
      "after",
      `
Examples:
  parley send general "Hello, world"
  parley send general Hello, world         words are joined by a space
  git log -1 | parley send releases        the text from standard input
  parley send jobs done --key job-42       safe to run again`,
    )
    .action((room: string, words: string[], options: SendOptions, command: Command) =>
      run(command, (context) => send(context, room, words, options)),
    );
}

async function send(
  context: CommandContext,
  room: string,
  words: readonly string[],
  options: SendOptions,
): Promise<void> {
  const content = checkContent(await readContent(words));
  const sent = await context.chat.send(
    { room, user: context.user, content, ...(options.key && { idempotencyKey: options.key }) },
    { signal: context.signal },
  );
  if (context.output.json) {
    const response = create(SendMessageResponseSchema, {
      messageId: sent.messageId,
      sequence: sent.sequence,
      timestamp: timestampFromDate(sent.timestamp),
    });
    await context.output.object(SendMessageResponseSchema, response);
  } else {
    await context.output.line(
      `${sent.messageId}  sequence ${sent.sequence} in ${printableName(room)}`,
    );
  }
}

async function readContent(words: readonly string[]): Promise<string> {
  const fromInput = words.length === 0 || (words.length === 1 && words[0] === "-");
  if (!fromInput) {
    return words.join(" ");
  }
  if (words.length === 0 && process.stdin.isTTY) {
    throw new UsageError("nothing to send: give the text, or - to type it and end with Ctrl-D");
  }
  // What echo and editors end a text with is not part of it.
  const content = (await text(process.stdin)).replace(/\r?\n$/, "");
  if (content === "") {
    throw new UsageError("nothing to send: standard input is empty");
  }
  return content;
}

function parseRetry(text: string): number {
  const seconds = parseSeconds(text);
  if (seconds > maxRetrySeconds) {
    throw new InvalidArgumentError(`It takes at most ${maxRetrySeconds} seconds.`);
  }
  return seconds;
}

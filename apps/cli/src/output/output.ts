import { once } from "node:events";
import { styleText } from "node:util";
import { create, type DescMessage, type MessageShape, toJsonString } from "@bufbuild/protobuf";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import { type Message, MessageSchema, MessageType } from "@parley/proto/chat/v1";
import { ExitCode } from "../failures/exit-code.ts";
import { formatTime, printable, printableName } from "./text.ts";

/**
 * Where a command's words go: results to standard output, one a line; what is
 * only for the person at the terminal to standard error.
 */
export interface Output {
  /** With `--json`: results are JSON objects in protojson form and nothing else. */
  readonly json: boolean;
  /** Whether results go to a terminal, so that they may be redrawn in place. */
  readonly isTerminal: boolean;
  /** Writes a line to standard output; resolves when more can be written. */
  line(text: string): Promise<void>;
  /** Writes a message as one line of JSON, all its fields present. */
  object<Desc extends DescMessage>(schema: Desc, message: MessageShape<Desc>): Promise<void>;
  /** Writes a message of a room in the form asked for; its JSON carries the epoch. */
  message(message: Message, epoch: string, options?: MessageFormat): Promise<void>;
  /** Writes a remark to standard error. */
  notice(text: string): void;
}

/** How a message is written for people. */
export interface MessageFormat {
  /** Whether to say which room it is of. */
  readonly withRoom?: boolean;
}

/** Makes the output of this process. Standard output that nobody reads any more ends it. */
export function createOutput(json: boolean): Output {
  // `parley ... | head` is done when head is.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    process.exit(error.code === "EPIPE" ? ExitCode.Ok : ExitCode.Failed);
  });
  const line = async (text: string) => {
    if (!process.stdout.write(`${text}\n`)) {
      await once(process.stdout, "drain");
    }
  };
  const object = <Desc extends DescMessage>(schema: Desc, message: MessageShape<Desc>) =>
    line(toJsonString(schema, message, { alwaysEmitImplicit: true }));
  return {
    json,
    isTerminal: process.stdout.isTTY === true && !json,
    line,
    object,
    message: (message, epoch, format) =>
      json
        ? object(MessageSchema, create(MessageSchema, { ...message, epoch }))
        : line(formatMessage(message, format)),
    notice: (text) => {
      process.stderr.write(`${styleText("dim", text, { stream: process.stderr })}\n`);
    },
  };
}

/** `[14:03:22] alice: Hello`; what is not said by a user is dimmed. */
export function formatMessage(message: Message, format: MessageFormat = {}): string {
  const time = message.timestamp ? timestampDate(message.timestamp) : new Date();
  const room = format.withRoom ? ` #${printableName(message.room)}` : "";
  const stamp = `[${formatTime(time)}]${room}`;
  switch (message.type) {
    case MessageType.JOIN:
      return styleText("dim", `${stamp} → ${printableName(message.user)} joined`);
    case MessageType.LEAVE:
      return styleText("dim", `${stamp} ← ${printableName(message.user)} left`);
    case MessageType.SYSTEM:
      return styleText("dim", `${stamp} ${printable(message.content)}`);
    default:
      return `${styleText("dim", stamp)} ${formatUser(message.user)}: ${printable(message.content)}`;
  }
}

const userColours = ["cyan", "green", "yellow", "magenta", "blue", "red"] as const;

/** The name in a colour of its own, the same one every time. */
export function formatUser(user: string): string {
  let hash = 0;
  for (const character of user) {
    hash = (hash * 31 + (character.codePointAt(0) ?? 0)) >>> 0;
  }
  return styleText(userColours[hash % userColours.length] ?? "cyan", printableName(user));
}

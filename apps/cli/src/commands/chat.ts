import { styleText } from "node:util";
import { type Message, MessageType } from "@parley/proto/chat/v1";
import type { Command } from "commander";
import { type ChatInput, chatHelp, parseChatInput } from "../chat-input.ts";
import { type ChatStream, openChatStream } from "../chat-stream.ts";
import { type ChatTerminal, openChatTerminal } from "../chat-terminal.ts";
import type { CommandContext, RunCommand } from "../context.ts";
import { describeLoss } from "../errors.ts";
import { checkContent } from "../limits.ts";
import { printableName } from "../text.ts";
import { formatMembers } from "./rooms.ts";

// Of piped input: how many messages may wait for their acknowledgement.
const maxUnacknowledged = 256;

/** Adds `parley chat`. */
export function addChatCommand(program: Command, run: RunCommand): void {
  program
    .command("chat")
    .description("Talk in rooms, over one stream in both directions.")
    .argument("<room...>", "the rooms to join; you talk in the first one")
    .addHelpText(
      "after",
      `
While it runs:
${chatHelp.replaceAll(/^/gm, "  ")}

From a pipe it says each line, waits until the server has stored all of them,
and ends.

Examples:
  parley chat general
  parley chat general random --user alice
  tail -f app.log | parley chat logs`,
    )
    .action((rooms: string[], _options: unknown, command: Command) =>
      run(command, (context) => new Chat(context).run(rooms)),
    );
}

/** One run of the command: a terminal, a stream, and the room that is talked in. */
class Chat {
  readonly #context: CommandContext;
  readonly #stream: ChatStream;
  readonly #terminal: ChatTerminal;
  readonly #closed = new AbortController();
  #current = "";

  constructor(context: CommandContext) {
    this.#context = context;
    const { output } = context;
    const interactive = process.stdin.isTTY === true && output.isTerminal;
    this.#terminal = openChatTerminal(interactive);
    this.#stream = openChatStream({
      client: context.chat,
      user: context.user,
      signal: AbortSignal.any([context.signal, this.#closed.signal]),
      onMessage: (message, epoch) => this.#show(message, epoch),
      onConnectionChange: (lost) =>
        this.#notice(
          lost ? `connection lost: ${describeLoss(lost)}; trying again …` : "connected again",
        ),
    });
  }

  async run(rooms: readonly string[]): Promise<void> {
    const endInput = () => this.#terminal.close();
    this.#context.signal.addEventListener("abort", endInput);
    // Not only awaited at the end: a stream that failed ends the input as well.
    this.#stream.ended.catch(endInput);
    try {
      for (const room of rooms) {
        await this.#stream.join(room);
      }
      this.#switchTo(rooms[0] ?? "");
      if (this.#terminal.interactive) {
        this.#notice("/help lists the commands, Ctrl-D ends.");
      }
      await this.#converse();
      this.#stream.end();
      await this.#stream.ended;
      this.#context.signal.throwIfAborted();
    } catch (error) {
      // At a prompt Ctrl-C is one way to leave; piped input may have been cut short by it.
      if (!this.#context.signal.aborted || !this.#terminal.interactive) {
        throw error;
      }
    } finally {
      this.#closed.abort();
      this.#terminal.close();
      await this.#stream.ended.catch(() => {});
    }
  }

  async #converse(): Promise<void> {
    const said: Promise<void>[] = [];
    for await (const line of this.#terminal.lines) {
      const input = parseChatInput(line);
      if (input.kind === "quit") {
        break;
      }
      if (input.kind === "say") {
        const saying = this.#stream.say(this.#current, checkContent(input.content));
        // Rejections are seen when it is awaited, maybe after this stream has failed elsewhere.
        saying.catch(() => {});
        said.push(saying);
        if (said.length > maxUnacknowledged) {
          await said.shift();
        }
      } else {
        // So that a command takes effect between the lines it stands between.
        await Promise.all(said.splice(0));
        await this.#obey(input);
      }
    }
    await Promise.all(said);
  }

  async #obey(input: Exclude<ChatInput, { kind: "say" }>): Promise<void> {
    switch (input.kind) {
      case "room":
      case "join":
        if (!this.#stream.rooms().includes(input.room)) {
          await this.#stream.join(input.room);
        }
        if (input.kind === "room") {
          this.#switchTo(input.room);
        }
        break;
      case "leave":
        await this.#leave(input.room || this.#current);
        break;
      case "who":
        await this.#who(input.room || this.#current);
        break;
      case "help":
        this.#notice(chatHelp);
        break;
      case "problem":
        this.#notice(input.problem);
        break;
    }
  }

  async #leave(room: string): Promise<void> {
    const others = this.#stream.rooms().filter((other) => other !== room);
    if (others.length === this.#stream.rooms().length) {
      this.#notice(`you are not in ${printableName(room)}`);
    } else if (others[0] === undefined) {
      this.#notice("this is your last room; /quit ends");
    } else {
      await this.#stream.leave(room);
      this.#notice(`left ${printableName(room)}`);
      if (room === this.#current) {
        this.#switchTo(others[0]);
      }
    }
  }

  async #who(name: string): Promise<void> {
    const { chat, signal } = this.#context;
    for await (const room of chat.rooms({}, { signal })) {
      if (room.name === name) {
        this.#notice(`in ${printableName(name)}: ${formatMembers(room)}`);
        return;
      }
    }
    this.#notice(`nobody is in ${printableName(name)}`);
  }

  #switchTo(room: string): void {
    this.#current = room;
    this.#terminal.setPrompt(styleText("bold", `${printableName(room)}> `));
  }

  #show(message: Message, epoch: string): void {
    const { output } = this.#context;
    if (message.type === MessageType.SYSTEM) {
      this.#notice(printableName(message.content));
      return;
    }
    const manyRooms = this.#stream.rooms().length > 1;
    this.#terminal.above(() => void output.message(message, epoch, { withRoom: manyRooms }));
  }

  #notice(text: string): void {
    this.#terminal.above(() => this.#context.output.notice(text));
  }
}

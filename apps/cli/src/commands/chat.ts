import { styleText } from "node:util";
import type { Message } from "@parley/client";
import type { Command } from "commander";
import { type ChatInput, chatHelp, parseChatInput } from "../chat/chat-input.ts";
import { type ChatTerminal, openChatTerminal } from "../chat/chat-terminal.ts";
import { type Conversation, startConversation } from "../chat/conversation.ts";
import { tellOfConnection } from "../connection/tell-of-connection.ts";
import type { CommandContext, RunCommand } from "../context.ts";
import { checkContent } from "../input/limits.ts";
import { printable, printableName } from "../output/text.ts";
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

/** One run of the command: a terminal, a conversation, and the room that is talked in. */
class Chat {
  readonly #context: CommandContext;
  readonly #conversation: Conversation;
  readonly #terminal: ChatTerminal;
  #current = "";

  constructor(context: CommandContext) {
    this.#context = context;
    const { output } = context;
    const interactive = process.stdin.isTTY === true && output.isTerminal;
    this.#terminal = openChatTerminal(interactive);
    this.#conversation = startConversation({
      client: context.chat,
      user: context.user,
      onMessage: (message, epoch) => this.#show(message, epoch),
      onStateChange: tellOfConnection({
        notice: (text) => this.#notice(text),
        giveUp: (error) => this.#conversation.end(error),
      }),
    });
  }

  async run(rooms: readonly string[]): Promise<void> {
    const { signal } = this.#context;
    const { ended } = this.#conversation;
    const interrupt = () => this.#conversation.end(signal.reason);
    signal.addEventListener("abort", interrupt);
    // So that a conversation that failed ends the input as well.
    ended.addEventListener("abort", () => this.#terminal.close());
    try {
      for (const room of rooms) {
        await this.#join(room);
      }
      this.#switchTo(rooms[0] ?? "");
      if (this.#terminal.interactive) {
        this.#notice("/help lists the commands, Ctrl-D ends.");
      }
      await this.#converse();
      ended.throwIfAborted();
    } catch (error) {
      // At a prompt Ctrl-C is one way to leave; piped input may have been cut short by it.
      if (!signal.aborted || !this.#terminal.interactive) {
        throw ended.aborted ? ended.reason : error;
      }
    } finally {
      signal.removeEventListener("abort", interrupt);
      this.#conversation.end();
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
        const saying = this.#say(checkContent(input.content));
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

  /** Says something. Whoever sits there is told what may be lost; piped input ends with it. */
  async #say(content: string): Promise<void> {
    try {
      await this.#conversation.say(this.#current, content);
    } catch (error) {
      if (!this.#terminal.interactive || this.#conversation.ended.aborted) {
        throw error;
      }
      this.#notice(`not acknowledged, maybe not stored: ${printable(content)}`);
    }
  }

  async #join(room: string): Promise<void> {
    await this.#conversation.join(room);
    this.#notice(`joined ${printableName(room)} as ${printableName(this.#context.user)}`);
  }

  async #obey(input: Exclude<ChatInput, { kind: "say" }>): Promise<void> {
    switch (input.kind) {
      case "room":
      case "join":
        if (!this.#conversation.rooms().includes(input.room)) {
          await this.#join(input.room);
        }
        if (input.kind === "room") {
          this.#switchTo(input.room);
        }
        break;
      case "leave":
        this.#leave(input.room || this.#current);
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

  #leave(room: string): void {
    const others = this.#conversation.rooms().filter((other) => other !== room);
    if (others.length === this.#conversation.rooms().length) {
      this.#notice(`you are not in ${printableName(room)}`);
    } else if (others[0] === undefined) {
      this.#notice("this is your last room; /quit ends");
    } else {
      this.#conversation.leave(room);
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
    const manyRooms = this.#conversation.rooms().length > 1;
    this.#terminal.above(() => void output.message(message, epoch, { withRoom: manyRooms }));
  }

  #notice(text: string): void {
    this.#terminal.above(() => this.#context.output.notice(text));
  }
}

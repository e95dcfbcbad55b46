import { maxRoomCharacters } from "../input/limits.ts";

/** What a line typed into a chat asks for. */
export type ChatInput =
  | { readonly kind: "nothing" }
  | { readonly kind: "say"; readonly content: string }
  | { readonly kind: ChatCommand; readonly room: string }
  | { readonly kind: "problem"; readonly problem: string };

type ChatCommand = "room" | "join" | "leave" | "who" | "help" | "quit";

/** What `/help` prints. */
export const chatHelp: string = `/room <name>   talk in another room, joining it first if need be
/join <name>   receive another room too
/leave [name]  receive a room no longer
/who [name]    who is in the room
/quit          end (so does Ctrl-D)
//text         say "/text"`;

const takesRoom: Record<ChatCommand, "needed" | "optional" | "none"> = {
  room: "needed",
  join: "needed",
  leave: "optional",
  who: "optional",
  help: "none",
  quit: "none",
};

/** Reads a line: a command behind a slash, or something to say. */
export function parseChatInput(line: string): ChatInput {
  if (line.trim() === "") {
    return { kind: "nothing" };
  }
  if (line.startsWith("//")) {
    return { kind: "say", content: line.slice(1) };
  }
  if (!line.startsWith("/")) {
    return { kind: "say", content: line };
  }
  const [name = "", ...words] = line.slice(1).trim().split(/\s+/);
  const room = words.join(" ");
  if (!isChatCommand(name)) {
    return { kind: "problem", problem: `there is no /${name}; /help lists the commands` };
  }
  if (takesRoom[name] === "needed" && room === "") {
    return { kind: "problem", problem: `which room? /${name} <name>` };
  }
  if ([...room].length > maxRoomCharacters) {
    return {
      kind: "problem",
      problem: `a room's name has at most ${maxRoomCharacters} characters`,
    };
  }
  return { kind: name, room };
}

function isChatCommand(name: string): name is ChatCommand {
  return Object.hasOwn(takesRoom, name);
}

import { on } from "node:events";
import {
  clearScreenDown,
  createInterface,
  cursorTo,
  type Interface,
  moveCursor,
} from "node:readline";
import { stripVTControlCharacters } from "node:util";
import { readLines } from "@parley/client";

/** Where a chat's lines come from and go to: a terminal with a prompt, or two streams. */
export interface ChatTerminal {
  /** The lines typed, until the end of the input or {@link ChatTerminal.close}. */
  readonly lines: AsyncIterable<string>;
  /** Whether somebody sits there. */
  readonly interactive: boolean;
  /** Runs what prints, so that its words stand above the prompt and what is being typed. */
  above(print: () => void): void;
  /** Shows this prompt from now on. */
  setPrompt(prompt: string): void;
  /** Ends the lines. */
  close(): void;
}

/** Opens standard input and output as the one or the other. */
export function openChatTerminal(interactive: boolean): ChatTerminal {
  return interactive ? openPrompt() : openPipe();
}

function openPipe(): ChatTerminal {
  let closed = false;
  async function* lines() {
    try {
      for await (const { text } of readLines(process.stdin)) {
        yield text;
      }
    } catch (error) {
      // Closing it while it waits for input is not a failure of the input.
      if (!closed) {
        throw error;
      }
    }
  }
  return {
    lines: lines(),
    interactive: false,
    above: (print) => print(),
    setPrompt: () => {},
    close: () => {
      closed = true;
      process.stdin.destroy();
    },
  };
}

function openPrompt(): ChatTerminal {
  const readline = createInterface({
    input: process.stdin,
    output: process.stdout,
    // Waits for the second half of a line break however late it comes.
    crlfDelay: Number.POSITIVE_INFINITY,
  });
  let open = true;
  readline.on("line", (line) => eraseTypedLine(readline, line));
  readline.on("SIGINT", () => readline.close());
  readline.once("close", () => {
    open = false;
    clearTyped(readline);
  });
  return {
    lines: linesOf(readline),
    interactive: true,
    above(print) {
      if (!open) {
        print();
        return;
      }
      clearTyped(readline);
      print();
      readline.prompt(true);
    },
    setPrompt(prompt) {
      readline.setPrompt(prompt);
      if (open) {
        readline.prompt(true);
      }
    },
    close: () => readline.close(),
  };
}

/** The lines from now on. Not readline's own iterator: it loses those that come before it is asked. */
function linesOf(readline: Interface): AsyncIterable<string> {
  const events = on(readline, "line", { close: ["close"] });
  return (async function* () {
    for await (const [line] of events) {
      yield line;
    }
  })();
}

/** Takes the prompt and what is being typed off the screen. */
function clearTyped(readline: Interface): void {
  moveCursor(process.stdout, 0, -readline.getCursorPos().rows);
  cursorTo(process.stdout, 0);
  clearScreenDown(process.stdout);
}

/**
 * Takes a line off the screen once it was entered: it comes back, with its time,
 * when the server has it.
 */
function eraseTypedLine(readline: Interface, line: string): void {
  const width = stripVTControlCharacters(readline.getPrompt() + line).length;
  const rows = Math.floor(width / Math.max(1, process.stdout.columns)) + 1;
  moveCursor(process.stdout, 0, -rows);
  cursorTo(process.stdout, 0);
  clearScreenDown(process.stdout);
  readline.prompt();
}

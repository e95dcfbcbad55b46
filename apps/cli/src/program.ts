import { styleText } from "node:util";
import { Command, type CommanderError } from "commander";
import packageJson from "../package.json" with { type: "json" };
import { addChatCommand } from "./commands/chat.ts";
import { addDemoCommand } from "./commands/demo.ts";
import { addHistoryCommand } from "./commands/history.ts";
import { addMetricsCommand } from "./commands/metrics.ts";
import { addRoomsCommand } from "./commands/rooms.ts";
import { addSendCommand } from "./commands/send.ts";
import { addSubscribeCommand } from "./commands/subscribe.ts";
import { addUploadCommand } from "./commands/upload.ts";
import { addGlobalOptions, type RunCommand, runCommand } from "./context.ts";
import { ExitCode, exitCodeHelp } from "./failures/exit-code.ts";

const examples = `
Examples:
  parley send general "Hello, world"
  parley subscribe general
  parley chat general random
  parley history general --limit 20
  parley demo

Run "parley <command> --help" for the options and examples of a command.
Set PARLEY_SERVER, PARLEY_PROTOCOL and PARLEY_USER to not repeat yourself;
PARLEY_DEBUG=1 shows where an error came from.

${exitCodeHelp}`;

/** Builds the `parley` command. Parsing its arguments runs it and sets the exit code. */
export function createProgram(run: RunCommand = runCommand): Command {
  const program = new Command("parley")
    .description("Talk in the rooms of a Parley server.")
    .version(packageJson.version)
    .exitOverride(exitByMeaning)
    .configureHelp({
      showGlobalOptions: true,
      styleTitle: (title) => styleText("bold", title),
    })
    .configureOutput({
      outputError: (text, write) => write(text.replace(/^error: /, "parley: ")),
    })
    .showSuggestionAfterError();
  addGlobalOptions(program);
  addSendCommand(program, run);
  addSubscribeCommand(program, run);
  addChatCommand(program, run);
  addHistoryCommand(program, run);
  addRoomsCommand(program, run);
  addUploadCommand(program, run);
  addMetricsCommand(program, run);
  addDemoCommand(program, run);
  return program.addHelpText("after", examples);
}

/** commander says 1 of every mistake on the command line; here that is for the server. */
function exitByMeaning(error: CommanderError): never {
  process.exit(error.exitCode === 0 ? ExitCode.Ok : ExitCode.Usage);
}

import { readFile } from "node:fs/promises";

/** A command of a shell session in the README, and what it prints. */
export interface ReadmeCommand {
  readonly command: string;
  /** What comes before the interruption, where there is one; else all. */
  readonly printed: string;
  /** What comes after `^C`; undefined where it is not interrupted. */
  readonly printedAfterInterrupt: string | undefined;
}

/** The CLI's README: its blocks of code, each to be taken by one test. */
export interface Readme {
  /** The whole text. */
  readonly text: string;
  /** Takes the first block of this language under a heading; "" is the text above all headings. */
  take(heading: string, language: string): string;
  /** The blocks that nobody took. */
  untaken(): string[];
}

export async function readReadme(): Promise<Readme> {
  const text = await readFile(new URL("../../README.md", import.meta.url), "utf8");
  const blocks = text.split(/^## /m).flatMap((section, index) => {
    const heading = index === 0 ? "" : (section.split("\n", 1)[0] ?? "");
    return Array.from(section.matchAll(/^```(\w+)\n(.*?)^```/gms), ([, language, code = ""]) => ({
      heading,
      language,
      code,
    }));
  });
  return {
    text,
    take(heading, language) {
      const index = blocks.findIndex(
        (block) => block.heading === heading && block.language === language,
      );
      const [block] = index < 0 ? [] : blocks.splice(index, 1);
      if (!block) {
        throw new Error(`the README has no ${language} under "${heading}" any more`);
      }
      return block.code;
    },
    untaken: () => blocks.map(({ heading, language }) => `${language} under "${heading}"`),
  };
}

/** The commands of a block of a shell session: what stands behind a dollar sign. */
export function commandsOf(session: string): ReadmeCommand[] {
  return session
    .split(/^\$ /m)
    .slice(1)
    .map((part) => {
      const [command = "", ...lines] = part.trimEnd().split("\n");
      // A progress bar is drawn on a terminal only.
      const printed = lines.filter((line) => !/^[█░]/.test(line));
      const interrupt = printed.indexOf("^C");
      const text = (some: string[]) => some.map((line) => `${line}\n`).join("");
      return interrupt < 0
        ? { command, printed: text(printed), printedAfterInterrupt: undefined }
        : {
            command,
            printed: text(printed.slice(0, interrupt)),
            printedAfterInterrupt: text(printed.slice(interrupt + 1)),
          };
    });
}

/** The same text without what differs from run to run: times, epochs and speed. */
export function withoutChance(printed: string): string {
  return printed
    .replaceAll(/\[\d\d:\d\d:\d\d\]/g, "[time]")
    .replaceAll(/"\d{4}-\d\d-\d\dT[\d:.]+Z"/g, '"time"')
    .replaceAll(/(?<=--after )\S+(?=\/\d)/g, "epoch")
    .replaceAll(/[\d.]+ s: [\d,]+ messages\/s/g, "time: speed");
}

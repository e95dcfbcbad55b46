import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

/** The folder of the repository. */
export const repository: string = fileURLToPath(new URL("../../../..", import.meta.url));

/** A block of code in the README. */
export interface ReadmeBlock {
  /** What stands behind the "##" above it. */
  readonly heading: string;
  readonly language: string;
  readonly code: string;
}

/** The repository's README: its text, and its blocks of code in their order. */
export async function readReadme(): Promise<{ text: string; blocks: ReadmeBlock[] }> {
  const text = await readFile(`${repository}README.md`, "utf8");
  const blocks = text.split(/^## /m).flatMap((section) => {
    const heading = section.slice(0, section.indexOf("\n"));
    return Array.from(section.matchAll(/^```(\w+)\n(.*?)^```/gms), (match) => ({
      heading,
      language: match[1] as string,
      code: match[2] as string,
    }));
  });
  return { text, blocks };
}

/** A command of a session in a shell, and what the README says that it prints. */
export interface SessionCommand {
  readonly command: string;
  readonly printed: string;
}

/** The commands of a session: what stands behind a dollar sign, and goes on after a backslash. */
export function commandsOf(session: string): SessionCommand[] {
  return session
    .split(/^\$ /m)
    .slice(1)
    .map((part) => {
      const [command = ""] = /^(?:.*\\\n)*.*\n/.exec(part) ?? [];
      return { command: command.trimEnd(), printed: part.slice(command.length) };
    });
}

/**
 * Whether this was printed, but for what differs from run to run: times, ids, numbers in a room
 * and epochs, and how Go's JSON is spaced. A line of "…" stands for any number of lines.
 */
export function matches(printed: string, expected: string): boolean {
  const parts = withoutChance(expected.trimEnd())
    .split(/^…$/m)
    .map((part) => part.trim().replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  const end = expected.trimEnd().endsWith("…") ? "" : "$";
  const pattern = new RegExp(`^${parts.join("(?:.*\n)*?\\s*")}${end}`);
  return pattern.test(withoutChance(printed).trim());
}

function withoutChance(text: string): string {
  return text
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "time")
    .replaceAll(/\bmsg_\d+/g, "id")
    .replaceAll(/(sequence"?:? *"?)\d+/g, "$1number")
    .replaceAll(/("epoch": *")[^"]+/g, "$1epoch")
    .replaceAll(/[ \t]+/g, " ");
}

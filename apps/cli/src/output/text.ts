/**
 * Makes text from elsewhere safe to print: a message must not be able to move
 * the cursor, recolour the terminal or fake another line. Control characters
 * become escapes; a line break is kept, its next line indented.
 */
export function printable(text: string, indent = "  "): string {
  return text
    .replaceAll("\r\n", "\n")
    .replace(controlCharacters, (character) =>
      character === "\n" ? `\n${indent}` : escapeCharacter(character),
    );
}

/** Like {@link printable}, for what has to stay on one line: names, labels. */
export function printableName(text: string): string {
  return text.replace(controlCharacters, escapeCharacter);
}

// C0 but tab, delete, C1, and the marks that reorder what stands around them.
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it looks for
const controlCharacters = /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g;

function escapeCharacter(character: string): string {
  const code = character.charCodeAt(0);
  return character === "\n" ? "\\n" : `\\u${code.toString(16).padStart(4, "0")}`;
}

/** `14:03:22` of a time today, `2026-11-20 14:03:22` of another day, in local time. */
export function formatTime(time: Date, now: Date = new Date()): string {
  const clock = [time.getHours(), time.getMinutes(), time.getSeconds()].map(twoDigits).join(":");
  return time.toDateString() === now.toDateString() ? clock : `${formatDay(time)} ${clock}`;
}

function formatDay(time: Date): string {
  return [time.getFullYear(), twoDigits(time.getMonth() + 1), twoDigits(time.getDate())].join("-");
}

function twoDigits(value: number): string {
  return String(value).padStart(2, "0");
}

/** `1 message`, `2 messages`. */
export function countOf(count: number | bigint, noun: string): string {
  return `${count.toLocaleString("en")} ${noun}${Number(count) === 1 ? "" : "s"}`;
}

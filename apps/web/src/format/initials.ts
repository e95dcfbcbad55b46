/** One or two letters that stand for a name: `AL` for "Ada Lovelace", `BE` for "ben". */
export function initialsOf(name: string): string {
  const words = name
    .trim()
    .split(/[\s._-]+/u)
    .filter(Boolean);
  const [first = "?", ...others] = words;
  const last = others.at(-1);
  const letters = last ? [charactersOf(first)[0], charactersOf(last)[0]] : charactersOf(first);
  return letters.slice(0, 2).join("").toUpperCase();
}

/** A hue from 0 to 359 that is always the same for a name, and spread well over names. */
export function hueOf(name: string): number {
  let hash = 0x811c9dc5;
  for (const character of name) {
    hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193);
  }
  // What names differ in at their end would else hardly show.
  hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b);
  return ((hash ^ (hash >>> 13)) >>> 0) % 360;
}

function charactersOf(text: string): string[] {
  return Array.from(text);
}

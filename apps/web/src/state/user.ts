import type { Store } from "./store.ts";
import { createStoredValue } from "./stored-value.ts";

/** The most characters that the contract allows a user or a room. */
export const maxNameCharacters = 128;

/** Who chats here; empty until they have said so. */
export const user: Store<string> = createStoredValue("user", "", (stored) =>
  typeof stored === "string" && isName(stored) ? stored : undefined,
);

/** Whether the server takes this as the name of a user or a room. */
export function isName(text: string): boolean {
  const length = Array.from(text).length;
  return length >= 1 && length <= maxNameCharacters;
}

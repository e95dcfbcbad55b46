import { createStore, type Store } from "./store.ts";

/**
 * A store that this browser remembers, under this name, for all pages of the origin:
 * what one sets the others see. Where nothing can be stored it lasts as long as the page.
 *
 * @param parse - checks what was stored, as an earlier version may have written it
 */
export function createStoredValue<T>(
  name: string,
  initial: T,
  parse: (stored: unknown) => T | undefined,
): Store<T> {
  const key = `parley.${name}`;
  const read = (): T => {
    try {
      const text = localStorage.getItem(key);
      return (text === null ? undefined : parse(JSON.parse(text))) ?? initial;
    } catch {
      return initial;
    }
  };
  const store = createStore(read());
  addEventListener("storage", (event) => {
    if (event.key === key || event.key === null) {
      store.set(read());
    }
  });
  return {
    ...store,
    set(value) {
      store.set(value);
      try {
        localStorage.setItem(key, JSON.stringify(value));
      } catch {
        // Full, or not allowed: it is still set for this page.
      }
    },
  };
}

import { useSyncExternalStore } from "react";

/** Where the page is. */
export type Route =
  | { readonly page: "home" }
  | { readonly page: "room"; readonly room: string }
  | { readonly page: "metrics" }
  | { readonly page: "upload" };

const home: Route = { page: "home" };

/** Reads the fragment of an address, such as `#/rooms/general`. */
export function parseRoute(fragment: string): Route {
  const [, page, ...rest] = fragment.replace(/^#/, "").split("/");
  switch (page) {
    case "metrics":
    case "upload":
      return { page };
    case "rooms": {
      const room = decode(rest.join("/"));
      return room === "" ? home : { page: "room", room };
    }
    default:
      return home;
  }
}

/** The fragment that leads to a room. */
export function roomHref(room: string): string {
  return `#/rooms/${encodeURIComponent(room)}`;
}

/** Goes to a room. */
export function openRoom(room: string): void {
  location.hash = roomHref(room);
}

/** Where the page is now. */
export function useRoute(): Route {
  const fragment = useSyncExternalStore(subscribe, () => location.hash);
  return parseRoute(fragment);
}

function subscribe(listener: () => void): () => void {
  addEventListener("hashchange", listener);
  return () => removeEventListener("hashchange", listener);
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // Typed by hand, with a % of its own.
    return text;
  }
}

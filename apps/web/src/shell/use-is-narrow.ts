import { useSyncExternalStore } from "react";

// As in app.css and side-bar.css.
const narrow = matchMedia("(max-width: 760px)");

/** Whether the window has no place for a side bar beside the page. */
export function useIsNarrow(): boolean {
  return useSyncExternalStore(subscribe, () => narrow.matches);
}

function subscribe(listener: () => void): () => void {
  narrow.addEventListener("change", listener);
  return () => narrow.removeEventListener("change", listener);
}

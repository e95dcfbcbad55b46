import { type RefObject, useCallback, useEffect, useRef } from "react";

// From what somebody did to the event that says where it scrolled to.
const lingerMs = 300;

/**
 * Tells whether somebody is scrolling this element, with a wheel, a finger, a key or the
 * scroll bar: what moves otherwise is the page's own doing.
 */
export function useHand(scroller: RefObject<HTMLElement | null>): () => boolean {
  const untilMs = useRef(0);
  useEffect(() => {
    const element = scroller.current;
    const linger = () => {
      untilMs.current = performance.now() + lingerMs;
    };
    const hold = () => {
      untilMs.current = Number.POSITIVE_INFINITY;
    };
    const events = ["wheel", "touchmove", "keydown"] as const;
    for (const name of events) {
      element?.addEventListener(name, linger, { passive: true });
    }
    element?.addEventListener("pointerdown", hold);
    addEventListener("pointerup", linger);
    addEventListener("pointercancel", linger);
    return () => {
      for (const name of events) {
        element?.removeEventListener(name, linger);
      }
      element?.removeEventListener("pointerdown", hold);
      removeEventListener("pointerup", linger);
      removeEventListener("pointercancel", linger);
    };
  }, [scroller]);
  return useCallback(() => performance.now() < untilMs.current, []);
}

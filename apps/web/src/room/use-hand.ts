import { type RefObject, useEffect, useMemo, useRef } from "react";

/** From what somebody did to the event that says where it scrolled to. */
export const lingerMs = 300;

/** Whoever scrolls. */
export interface Hand {
  isOn(): boolean;
  /** Forgets what was scrolled: something else was asked for since. */
  letGo(): void;
}

/**
 * Tells whether somebody is scrolling this element, with a wheel, a finger, a key or the
 * scroll bar: what moves otherwise is the page's own doing.
 */
export function useHand(scroller: RefObject<HTMLElement | null>): Hand {
  const untilMs = useRef(0);
  useEffect(() => {
    const element = scroller.current;
    const linger = () => {
      untilMs.current = performance.now() + lingerMs;
    };
    const hold = () => {
      untilMs.current = Number.POSITIVE_INFINITY;
    };
    const release = () => {
      if (untilMs.current === Number.POSITIVE_INFINITY) {
        linger();
      }
    };
    const events = ["wheel", "touchmove", "keydown"] as const;
    for (const name of events) {
      element?.addEventListener(name, linger, { passive: true });
    }
    element?.addEventListener("pointerdown", hold);
    addEventListener("pointerup", release);
    addEventListener("pointercancel", release);
    return () => {
      for (const name of events) {
        element?.removeEventListener(name, linger);
      }
      element?.removeEventListener("pointerdown", hold);
      removeEventListener("pointerup", release);
      removeEventListener("pointercancel", release);
    };
  }, [scroller]);
  return useMemo(
    () => ({
      isOn: () => performance.now() < untilMs.current,
      letGo() {
        untilMs.current = 0;
      },
    }),
    [],
  );
}

import { type ReactNode, useSyncExternalStore } from "react";
import { type Store, useStore } from "../state/store.ts";
import { createStoredValue } from "../state/stored-value.ts";
import { Icon } from "./icon.tsx";

type Theme = "light" | "dark";

const chosen: Store<Theme | null> = createStoredValue<Theme | null>("theme", null, (stored) =>
  stored === "light" || stored === "dark" ? stored : undefined,
);
const systemIsDark = matchMedia("(prefers-color-scheme: dark)");

function apply(): void {
  const theme = chosen.get();
  if (theme) {
    document.documentElement.dataset.theme = theme;
  } else {
    delete document.documentElement.dataset.theme;
  }
}

chosen.subscribe(apply);
apply();

/** The theme that the page has now: the one chosen here, or the system's. */
export function useTheme(): Theme {
  const system = useSyncExternalStore(subscribeToSystem, () => systemIsDark.matches);
  return useStore(chosen) ?? (system ? "dark" : "light");
}

/** Turns light into dark and back; what the system says anyway is not remembered. */
export function ThemeButton(): ReactNode {
  const theme = useTheme();
  const other = theme === "dark" ? "light" : "dark";
  const label = `Switch to the ${other} theme`;
  return (
    <button
      type="button"
      className="icon-button"
      aria-label={label}
      title={label}
      onClick={() => {
        const isOfSystem = (other === "dark") === systemIsDark.matches;
        chosen.set(isOfSystem ? null : other);
      }}
    >
      <Icon name={theme === "dark" ? "sun" : "moon"} />
    </button>
  );
}

function subscribeToSystem(listener: () => void): () => void {
  systemIsDark.addEventListener("change", listener);
  return () => systemIsDark.removeEventListener("change", listener);
}

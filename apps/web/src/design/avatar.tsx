import type { CSSProperties, ReactNode } from "react";
import { hueOf, initialsOf } from "../format/initials.ts";
import "./avatar.css";

/** The initials of a user, in the user's colour. */
export function Avatar({ name, isSmall = false }: { name: string; isSmall?: boolean }): ReactNode {
  return (
    <span
      className={isSmall ? "avatar avatar-small" : "avatar"}
      style={{ "--hue": hueOf(name) } as CSSProperties}
      aria-hidden="true"
    >
      {initialsOf(name)}
    </span>
  );
}

import type { ReactNode } from "react";
import { Icon, type IconName } from "../design/icon.tsx";
import "./side-link.css";

export interface SideLinkProps {
  readonly href: string;
  readonly icon: IconName;
  readonly isCurrent: boolean;
  readonly children: ReactNode;
}

/** A way to a page, in the side bar. */
export function SideLink({ href, icon, isCurrent, children }: SideLinkProps): ReactNode {
  return (
    <a className="side-link" href={href} aria-current={isCurrent ? "page" : undefined}>
      <Icon name={icon} size={18} />
      <span className="side-link-text">{children}</span>
    </a>
  );
}

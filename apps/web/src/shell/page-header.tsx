import type { ReactNode } from "react";
import { Icon } from "../design/icon.tsx";
import "./page-header.css";

export interface PageHeaderProps {
  readonly title: string;
  readonly detail?: ReactNode;
  /** Opens the side bar, where there is no place beside the page. */
  readonly onMenu: () => void;
  /** What can be done, at the end of the line. */
  readonly children?: ReactNode;
}

/** The line at the top of a page. */
export function PageHeader({ title, detail, onMenu, children }: PageHeaderProps): ReactNode {
  return (
    <header className="page-header">
      <button
        type="button"
        className="icon-button page-header-menu"
        aria-label="Open the side bar"
        onClick={onMenu}
      >
        <Icon name="menu" />
      </button>
      <div className="page-header-title">
        <h1>{title}</h1>
        {detail !== undefined && <p className="page-header-detail">{detail}</p>}
      </div>
      {children}
    </header>
  );
}

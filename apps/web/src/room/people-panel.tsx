import type { ReactNode } from "react";
import { Avatar } from "../design/avatar.tsx";
import { Icon } from "../design/icon.tsx";
import { countOf } from "../format/quantity.ts";
import "./people-panel.css";

export interface PeoplePanelProps {
  readonly members: readonly string[];
  /** All of them, also where not all are named. */
  readonly memberCount: number;
  readonly user: string;
  readonly onClose: () => void;
}

/** Who is in a room. */
export function PeoplePanel(props: PeoplePanelProps): ReactNode {
  const { members, memberCount, user, onClose } = props;
  return (
    <aside className="people" aria-label="Who is here">
      <div className="people-title">
        <h2>Here now</h2>
        <button
          type="button"
          className="icon-button"
          aria-label="Hide who is here"
          onClick={onClose}
        >
          <Icon name="close" size={18} />
        </button>
      </div>
      <ul>
        {members.map((name) => (
          <li key={name}>
            <Avatar name={name} isSmall />
            <span className="people-name">
              {name}
              {name === user && <span className="people-note">you</span>}
            </span>
          </li>
        ))}
      </ul>
      {members.length === 0 && <p className="people-note">Nobody yet.</p>}
      {memberCount > members.length && (
        <p className="people-note">And {countOf(memberCount - members.length, "more", "more")}.</p>
      )}
    </aside>
  );
}

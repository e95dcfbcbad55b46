import { type ReactNode, useId, useState } from "react";
import { Avatar } from "../design/avatar.tsx";
import { Dialog } from "../design/dialog.tsx";
import { useStore } from "../state/store.ts";
import { isName, maxNameCharacters, user } from "../state/user.ts";
import "./name-dialog.css";

/** Asks who is there. Without `onClose` it has to be answered. */
export function NameDialog({
  onClose,
}: {
  readonly onClose?: (() => void) | undefined;
}): ReactNode {
  const current = useStore(user);
  const [name, setName] = useState(current);
  const fieldId = useId();
  const trimmed = name.trim();
  const title = current === "" ? "Welcome to Parley" : "Change your name";
  return (
    <Dialog label={title} onClose={onClose}>
      <form
        className="name-form"
        onSubmit={(event) => {
          event.preventDefault();
          if (isName(trimmed)) {
            user.set(trimmed);
            onClose?.();
          }
        }}
      >
        <h2>{title}</h2>
        <p>
          {current === ""
            ? "Others see this name beside what you say. It stays in this browser."
            : "What you said before keeps the name that you had."}
        </p>
        <div>
          <label className="label" htmlFor={fieldId}>
            Your name
          </label>
          <div className="name-form-entry">
            <Avatar name={trimmed || "?"} />
            <input
              id={fieldId}
              className="field"
              value={name}
              maxLength={maxNameCharacters}
              autoComplete="nickname"
              autoFocus
              onChange={(event) => setName(event.target.value)}
            />
          </div>
        </div>
        <div className="name-form-actions">
          {onClose && (
            <button type="button" className="button" onClick={onClose}>
              Cancel
            </button>
          )}
          <button type="submit" className="button button-primary" disabled={!isName(trimmed)}>
            {current === "" ? "Start chatting" : "Save"}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

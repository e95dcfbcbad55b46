import { type ReactNode, useEffect, useRef } from "react";
import "./dialog.css";

export interface DialogProps {
  /** What screen readers call it. */
  readonly label: string;
  /** Undefined for one that has to be answered. */
  readonly onClose?: (() => void) | undefined;
  /** Whether it stands near the top, as what it holds changes its height. */
  readonly isAtTop?: boolean;
  readonly children: ReactNode;
}

/** A dialog that is open as long as it is there. It keeps the focus, and gives it back. */
export function Dialog({ label, onClose, isAtTop = false, children }: DialogProps): ReactNode {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const element = dialog.current;
    element?.showModal();
    return () => element?.close();
  }, []);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Esc does for the keyboard what a click beside it does
    <dialog
      ref={dialog}
      className={isAtTop ? "dialog dialog-top" : "dialog"}
      aria-label={label}
      onCancel={(event) => {
        event.preventDefault();
        onClose?.();
      }}
      onClick={(event) => {
        if (event.target === dialog.current) {
          onClose?.();
        }
      }}
    >
      {children}
    </dialog>
  );
}

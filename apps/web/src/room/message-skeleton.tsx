import type { ReactNode } from "react";
import "./message-skeleton.css";

const lines = [
  { name: "90px", text: "62%" },
  { name: "120px", text: "44%" },
  { name: "80px", text: "71%" },
  { name: "110px", text: "38%" },
];

/** What stands where messages will be. */
export function MessageSkeleton(): ReactNode {
  return (
    <div className="message-skeleton" role="status" aria-label="Loading messages">
      {lines.map(({ name, text }) => (
        <div key={name}>
          <span />
          <span style={{ width: name }} />
          <span style={{ width: text }} />
        </div>
      ))}
    </div>
  );
}

import type { ReactNode } from "react";
import { Icon } from "../design/icon.tsx";
import { countOf, formatBytes, formatNumber } from "../format/quantity.ts";
import { formatDuration } from "../format/time.ts";
import type { UploadProgress } from "./upload-file.ts";
import type { UploadState } from "./use-upload.ts";

export interface UploadResultProps {
  readonly state: Exclude<UploadState, { name: "idle" }>;
  readonly children?: ReactNode;
}

/** How far an upload has come, or what became of it. */
export function UploadResult({ state, children }: UploadResultProps): ReactNode {
  const { progress, sizeBytes, elapsedMs } = state;
  const rate = Math.round(progress.sent / Math.max(elapsedMs / 1_000, 0.001));
  return (
    <section className={`upload-result upload-result-${state.name}`} aria-label="Upload">
      <h2 role="status">
        {state.name !== "running" && <Icon name={state.name === "done" ? "check" : "alert"} />}
        {headline(state)}
      </h2>
      {state.name === "running" && (
        <progress value={progress.readBytes} max={sizeBytes || 1} aria-label="Bytes read" />
      )}
      {state.name === "failed" && progress.sent > 0 && (
        <p className="upload-help">
          Some of the {countOf(progress.sent, "message")} that were sent may be stored. Within two
          minutes the same file can be uploaded again: nothing is stored twice.
        </p>
      )}
      <dl className="upload-numbers">
        <Reading name="Messages" value={formatNumber(messagesOf(state))} />
        <Reading name="Messages a second" value={formatNumber(rate)} />
        <Reading
          name="Read"
          value={
            progress.readBytes < sizeBytes
              ? `${formatBytes(progress.readBytes)} of ${formatBytes(sizeBytes)}`
              : formatBytes(sizeBytes)
          }
        />
        <Reading name="Time" value={formatDuration(elapsedMs)} />
      </dl>
      <BadLines progress={progress} />
      {children}
    </section>
  );
}

function Reading({ name, value }: { name: string; value: string }): ReactNode {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

function BadLines({ progress }: { progress: UploadProgress }): ReactNode {
  const { badCount, badLines } = progress;
  if (badCount === 0) {
    return null;
  }
  const shown = badCount > badLines.length ? ` The first ${badLines.length}:` : "";
  return (
    <div>
      <p>
        {countOf(badCount, "line was", "lines were")} left out.{shown}
      </p>
      <ul className="upload-bad-lines">
        {badLines.map(({ lineNumber, problem }) => (
          <li key={lineNumber}>
            <b>line {lineNumber}</b> {problem}
          </li>
        ))}
      </ul>
    </div>
  );
}

function messagesOf(state: UploadResultProps["state"]): number {
  return state.name === "done" ? state.progress.messageCount : state.progress.sent;
}

function headline(state: UploadResultProps["state"]): string {
  switch (state.name) {
    case "running":
      return "Uploading…";
    case "failed":
      return state.problem === undefined ? "Cancelled" : `The upload stopped. ${state.problem}`;
    case "done": {
      const { messageCount, duplicateCount } = state.progress;
      const known = duplicateCount > 0 ? `, ${formatNumber(duplicateCount)} of them before` : "";
      return `${countOf(messageCount, "message")} stored${known}`;
    }
  }
}

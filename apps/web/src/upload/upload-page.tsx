import { type DragEvent, type ReactNode, useId, useState } from "react";
import { Icon } from "../design/icon.tsx";
import { formatBytes } from "../format/quantity.ts";
import { PageHeader } from "../shell/page-header.tsx";
import { roomHref } from "../shell/route.ts";
import { useStore } from "../state/store.ts";
import { isName, maxNameCharacters, user } from "../state/user.ts";
import "./upload-page.css";
import { UploadResult } from "./upload-result.tsx";
import { useUpload } from "./use-upload.ts";

/** Many messages at once, from a file of JSON lines. */
export function UploadPage({ onMenu }: { readonly onMenu: () => void }): ReactNode {
  const ownName = useStore(user);
  const [file, setFile] = useState<File>();
  const [room, setRoom] = useState("");
  const [author, setAuthor] = useState(ownName);
  const upload = useUpload();
  const { state } = upload;
  const isRunning = state.name === "running";
  const canStart = file !== undefined && !isRunning && isName(author.trim());
  return (
    <>
      <PageHeader title="Upload" detail="Many messages at once, from a file" onMenu={onMenu} />
      <div className="page-body">
        <form
          className="upload"
          onSubmit={(event) => {
            event.preventDefault();
            if (canStart) {
              upload.start(file, { room: room.trim(), user: author.trim() });
            }
          }}
        >
          <FileField file={file} isDisabled={isRunning} onFile={setFile} />
          <div className="upload-fields">
            <NameField
              label="Room of lines that name none"
              value={room}
              placeholder="general"
              isDisabled={isRunning}
              onChange={setRoom}
            />
            <NameField
              label="Author of lines that name none"
              value={author}
              isDisabled={isRunning}
              onChange={setAuthor}
            />
          </div>
          <p className="upload-help">
            Each line is a JSON object with <code>content</code>, and where they differ from the
            above <code>room</code> and <code>user</code>. <code>timestamp</code> keeps the time it
            was written, <code>idempotencyKey</code> makes it safe to upload again.
          </p>
          <div className="upload-actions">
            <button type="submit" className="button button-primary" disabled={!canStart}>
              <Icon name="upload" size={18} />
              Upload
            </button>
            {isRunning && (
              <button type="button" className="button" onClick={upload.cancel}>
                Cancel
              </button>
            )}
          </div>
          {state.name !== "idle" && (
            <UploadResult state={state}>
              {state.name === "done" && isName(room.trim()) && (
                <p>
                  <a className="button" href={roomHref(room.trim())}>
                    Go to # {room.trim()}
                  </a>
                </p>
              )}
            </UploadResult>
          )}
        </form>
      </div>
    </>
  );
}

interface NameFieldProps {
  readonly label: string;
  readonly value: string;
  readonly placeholder?: string;
  readonly isDisabled: boolean;
  readonly onChange: (value: string) => void;
}

function NameField({ label, value, placeholder, isDisabled, onChange }: NameFieldProps): ReactNode {
  const id = useId();
  return (
    <div>
      <label className="label" htmlFor={id}>
        {label}
      </label>
      <input
        id={id}
        className="field"
        value={value}
        maxLength={maxNameCharacters}
        placeholder={placeholder}
        disabled={isDisabled}
        onChange={(event) => onChange(event.target.value)}
      />
    </div>
  );
}

interface FileFieldProps {
  readonly file: File | undefined;
  readonly isDisabled: boolean;
  readonly onFile: (file: File) => void;
}

function FileField({ file, isDisabled, onFile }: FileFieldProps): ReactNode {
  const [isOver, setIsOver] = useState(false);
  const take = (files: FileList | null) => {
    const [first] = files ?? [];
    if (first && !isDisabled) {
      onFile(first);
    }
  };
  const onDrop = (event: DragEvent) => {
    event.preventDefault();
    setIsOver(false);
    take(event.dataTransfer.files);
  };
  return (
    <label
      className={isOver ? "upload-drop upload-drop-over" : "upload-drop"}
      onDragOver={(event) => {
        event.preventDefault();
        setIsOver(true);
      }}
      onDragLeave={() => setIsOver(false)}
      onDrop={onDrop}
    >
      <Icon name="file" size={28} />
      {file ? (
        <>
          <strong>{file.name}</strong>
          <span>{formatBytes(file.size)}. Choose another, or drop it here.</span>
        </>
      ) : (
        <>
          <strong>Choose a file, or drop it here</strong>
          <span>One JSON message a line (.ndjson, .jsonl)</span>
        </>
      )}
      <input
        type="file"
        className="visually-hidden"
        aria-label="File"
        accept=".ndjson,.jsonl,.json,.txt"
        disabled={isDisabled}
        onChange={(event) => take(event.target.files)}
      />
    </label>
  );
}

import type { UploadDefaults } from "@parley/client";
import { useEffect, useRef, useState } from "react";
import { describeError } from "../state/describe-error.ts";
import { client } from "../state/server.ts";
import {
  type UploadOutcome,
  type UploadProgress,
  type UploadSource,
  uploadFile,
} from "./upload-file.ts";

/** What the upload is doing, or did. */
export type UploadState =
  | { readonly name: "idle" }
  | (UploadCourse & { readonly name: "running"; readonly progress: UploadProgress })
  | (UploadCourse & { readonly name: "done"; readonly progress: UploadOutcome })
  | (UploadCourse & {
      readonly name: "failed";
      readonly progress: UploadProgress;
      /** As a sentence; undefined if it was cancelled. */
      readonly problem: string | undefined;
    });

interface UploadCourse {
  readonly sizeBytes: number;
  readonly elapsedMs: number;
}

export interface Upload {
  readonly state: UploadState;
  start(file: UploadSource, defaults: UploadDefaults): void;
  cancel(): void;
}

const nothingYet: UploadProgress = { sent: 0, badCount: 0, badLines: [], readBytes: 0 };
// Often enough to be seen moving, and no burden on what is uploaded.
const showEveryMs = 100;

/** Uploads a file; going to another page cancels it. */
export function useUpload(): Upload {
  const [state, setState] = useState<UploadState>({ name: "idle" });
  const cancelling = useRef(new AbortController());
  useEffect(() => () => cancelling.current.abort(), []);

  const run = async (file: UploadSource, defaults: UploadDefaults, signal: AbortSignal) => {
    const startedMs = performance.now();
    const course = () => ({ sizeBytes: file.size, elapsedMs: performance.now() - startedMs });
    let progress = nothingYet;
    const show = () => setState({ name: "running", ...course(), progress });
    const timer = setInterval(show, showEveryMs);
    show();
    try {
      const onProgress = (latest: UploadProgress) => {
        progress = latest;
      };
      const outcome = await uploadFile({ client, file, defaults, signal, onProgress });
      setState({ name: "done", ...course(), progress: outcome });
    } catch (error) {
      const problem = signal.aborted ? undefined : describeError(error);
      setState({ name: "failed", ...course(), progress, problem });
    } finally {
      clearInterval(timer);
    }
  };
  return {
    state,
    start(file, defaults) {
      cancelling.current = new AbortController();
      void run(file, defaults, cancelling.current.signal);
    },
    cancel: () => cancelling.current.abort(),
  };
}

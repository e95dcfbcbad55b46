import {
  type ChatClient,
  parseUploadLine,
  readLines,
  type UploadDefaults,
  UploadLineError,
  type UploadMessage,
} from "@parley/client";
import { watchFile } from "./watched-file.ts";

/** A file of JSON lines, as a browser gives it. */
export interface UploadSource extends Blob {
  readonly name: string;
  readonly lastModified: number;
}

/** How far an upload has come. */
export interface UploadProgress {
  /** Lines that are messages, and were handed to the connection. */
  readonly sent: number;
  readonly badCount: number;
  /** The first of the lines that were left out. */
  readonly badLines: readonly UploadLineError[];
  readonly readBytes: number;
}

/** What became of an upload whose messages are all stored. */
export interface UploadOutcome extends UploadProgress {
  readonly messageCount: number;
  readonly duplicateCount: number;
}

export interface UploadFileOptions {
  readonly client: Pick<ChatClient, "upload">;
  readonly file: UploadSource;
  readonly defaults: UploadDefaults;
  readonly signal: AbortSignal;
  /** Told as often as anything changes. */
  readonly onProgress: (progress: UploadProgress) => void;
}

/** How many lines that were left out are named. */
export const maxNamedLines = 100;

/**
 * Uploads a file of JSON lines as it is read; lines that are bad are left out. A line
 * without a key of its own gets one from the file and its number: what was stored of an
 * upload that broke off is not stored again by the next within the server's window.
 *
 * Rejects as `ChatClient.upload` does.
 */
export async function uploadFile(options: UploadFileOptions): Promise<UploadOutcome> {
  const { client, file, defaults, signal, onProgress } = options;
  const bytes = watchFile(file);
  const badLines: UploadLineError[] = [];
  let badCount = 0;
  let sent = 0;
  const progress = (): UploadProgress => ({
    sent,
    badCount,
    badLines: badLines.slice(),
    readBytes: bytes.readBytes,
  });
  const onBadLine = (error: UploadLineError) => {
    badCount++;
    if (badLines.length < maxNamedLines) {
      badLines.push(error);
    }
    onProgress(progress());
  };
  async function* messages(): AsyncGenerator<UploadMessage> {
    const fileKey = await identify(file);
    for await (const line of readLines(bytes, { onBadLine })) {
      try {
        yield { idempotencyKey: `${fileKey}-${line.number}`, ...parseUploadLine(line, defaults) };
      } catch (error) {
        if (!(error instanceof UploadLineError)) {
          throw error;
        }
        onBadLine(error);
      }
    }
  }
  const { messageCount, duplicateCount } = await client.upload(messages(), {
    signal,
    onProgress(count) {
      sent = count;
      onProgress(progress());
    },
  });
  return { ...progress(), messageCount, duplicateCount };
}

/** The same for a file as long as it is not changed. */
async function identify({ name, size, lastModified }: UploadSource): Promise<string> {
  const text = JSON.stringify([name, size, lastModified]);
  let hash = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(text)) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  }
  return hash.toString(36);
}

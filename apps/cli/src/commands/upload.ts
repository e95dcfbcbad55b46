import { open } from "node:fs/promises";
import { create } from "@bufbuild/protobuf";
import { parseUploadLine, readLines, type UploadMessage } from "@parley/client";
import { UploadResponseSchema } from "@parley/proto/chat/v1";
import { type Command, Option } from "commander";
import type { CommandContext, RunCommand } from "../context.ts";
import { UsageError } from "../failures/errors.ts";
import { countOf } from "../output/text.ts";
import { createUploadProgress } from "../output/upload-progress.ts";

interface UploadOptions {
  readonly room?: string;
}

/** Adds `parley upload`. */
export function addUploadCommand(program: Command, run: RunCommand): void {
  program
    .command("upload")
    .description("Send many messages over one stream, from a file of JSON lines.")
    .argument("<file>", 'the file, or "-" for standard input')
    .addOption(new Option("--room <room>", "the room of lines that name none"))
    .addHelpText(
      "after",
      `
Each line is a JSON object: "content", and where they differ from --room and
--user, "room" and "user". "idempotencyKey" makes a line safe to upload again,
"timestamp" (RFC 3339) keeps the time it was written. What "history --json"
prints can be uploaded as it is.

A line that is not valid ends the upload: what stands before it is stored,
nothing after it is sent.

Examples:
  parley upload messages.ndjson
  parley upload messages.ndjson --room general --user importer
  jq -c '{content: .text}' export.json | parley upload - --room general`,
    )
    .action((path: string, options: UploadOptions, command: Command) =>
      run(command, (context) => upload(context, path, options)),
    );
}

async function upload(
  context: CommandContext,
  path: string,
  options: UploadOptions,
): Promise<void> {
  const { chat, output, signal } = context;
  const source = await openSource(path);
  const progress = createUploadProgress(source.sizeBytes);
  const defaults = { room: options.room, user: context.user };
  let badLine: unknown;
  let readCount = 0;
  // It ends at a bad line instead of throwing, so that what was sent before is acknowledged.
  async function* messages(): AsyncGenerator<UploadMessage> {
    try {
      for await (const line of readLines(progress.watch(source.bytes))) {
        const message = parseUploadLine(line, defaults);
        readCount++;
        yield message;
      }
    } catch (error) {
      badLine = error;
    }
  }
  const startedMs = performance.now();
  try {
    const result = await chat.upload(messages(), { signal, onProgress: progress.sent });
    progress.stop();
    if (badLine !== undefined && readCount === 0) {
      throw badLine;
    }
    if (output.json) {
      const response = create(UploadResponseSchema, { ...result, success: true });
      await output.object(UploadResponseSchema, response);
    } else {
      await output.line(formatSummary(result, performance.now() - startedMs));
    }
  } catch (error) {
    throw badLine !== undefined && readCount === 0 ? badLine : error;
  } finally {
    progress.stop();
  }
  if (badLine !== undefined) {
    throw badLine;
  }
}

/** `5 messages uploaded (2 duplicates) in 0.1 s: 50 messages/s` */
export function formatSummary(
  result: { readonly messageCount: number; readonly duplicateCount: number },
  elapsedMs: number,
): string {
  const { messageCount, duplicateCount } = result;
  const duplicates = duplicateCount > 0 ? ` (${countOf(duplicateCount, "duplicate")})` : "";
  const rate = Math.round(messageCount / Math.max(elapsedMs / 1_000, 0.001));
  return `${countOf(messageCount, "message")} uploaded${duplicates} in ${(elapsedMs / 1_000).toFixed(1)} s: ${countOf(rate, "message")}/s`;
}

interface Source {
  readonly bytes: AsyncIterable<Uint8Array>;
  /** Unknown for what is not a plain file. */
  readonly sizeBytes: number | undefined;
}

async function openSource(path: string): Promise<Source> {
  if (path === "-") {
    return { bytes: process.stdin, sizeBytes: undefined };
  }
  try {
    const file = await open(path);
    const stats = await file.stat();
    return {
      bytes: file.createReadStream({ highWaterMark: 256 * 1024 }),
      sizeBytes: stats.isFile() ? stats.size : undefined,
    };
  } catch (error) {
    throw new UsageError(`cannot read the file: ${(error as Error).message}`);
  }
}

import { UsageError } from "./errors.ts";
import { checkContent } from "./limits.ts";
import type { NumberedLine } from "./ndjson.ts";

/** A message as `upload` reads it from a line. */
export interface UploadLine {
  readonly room: string;
  readonly user: string;
  readonly content: string;
  readonly idempotencyKey?: string;
  readonly timestamp?: Date;
}

/** What stands in for a line's missing fields. */
export interface UploadDefaults {
  readonly room?: string | undefined;
  readonly user: string;
}

const takenFields = ["room", "user", "content", "idempotencyKey", "timestamp"];

// What `history --json` and `subscribe --json` print besides: the server decides these anew.
const ignoredFields = ["id", "sequence", "epoch", "type"];

/**
 * Reads one line of an upload: a JSON object with `content`, and `room`, `user`,
 * `idempotencyKey` and `timestamp` where they are known.
 *
 * @throws UsageError that names the line and the field.
 */
export function parseUploadLine(line: NumberedLine, defaults: UploadDefaults): UploadLine {
  const refuse = (problem: string): never => {
    throw new UsageError(`line ${line.number}: ${problem}`);
  };
  const fields = parseObject(line.text) ?? refuse("not a JSON object");
  const unknown = Object.keys(fields).find(
    (name) => !takenFields.includes(name) && !ignoredFields.includes(name),
  );
  if (unknown !== undefined) {
    refuse(`unknown field ${JSON.stringify(unknown)} (known are ${takenFields.join(", ")})`);
  }
  if (fields.type !== undefined && fields.type !== "CHAT") {
    refuse('"type" is not "CHAT": only what users say can be uploaded');
  }
  const textOf = (name: string): string | undefined => {
    const value = fields[name];
    if (value === undefined || value === null) {
      return undefined;
    }
    return typeof value === "string" ? value : refuse(`"${name}" is not a string`);
  };
  const idempotencyKey = textOf("idempotencyKey");
  const timestamp = textOf("timestamp");
  return {
    room: textOf("room") || defaults.room || refuse('no "room", and no --room given'),
    user: textOf("user") || defaults.user,
    content: checkLine(textOf("content") || refuse('no "content"'), refuse),
    ...(idempotencyKey && { idempotencyKey }),
    ...(timestamp && {
      timestamp: parseTime(timestamp) ?? refuse('"timestamp" is not an RFC 3339 time'),
    }),
  };
}

function checkLine(content: string, refuse: (problem: string) => never): string {
  try {
    return checkContent(content);
  } catch (error) {
    return refuse((error as Error).message);
  }
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

const rfc3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;

function parseTime(text: string): Date | undefined {
  const time = new Date(rfc3339.test(text) ? text : Number.NaN);
  return Number.isNaN(time.getTime()) ? undefined : time;
}

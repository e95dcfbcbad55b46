import { ConnectError } from "@connectrpc/connect";
import { checkContentSize } from "../send/check-content-size.ts";
import type { NumberedLine } from "./read-lines.ts";
import { UploadLineError } from "./upload-line-error.ts";
import type { UploadMessage } from "./upload-messages.ts";

/** What stands in for a line's missing fields. */
export interface UploadDefaults {
  readonly room?: string | undefined;
  readonly user: string;
}

/** How many characters a room, a user and an idempotency key have at most. */
const maxNameCharacters = 128;

const takenFields = ["room", "user", "content", "idempotencyKey", "timestamp"];

// What a message printed as JSON has besides: the server decides these anew.
const ignoredFields = ["id", "sequence", "epoch", "type"];

/**
 * Reads one line of an upload: a JSON object with `content`, and `room`, `user`,
 * `idempotencyKey` and `timestamp` where they are known.
 *
 * @throws UploadLineError that names the line and the field.
 */
export function parseUploadLine(line: NumberedLine, defaults: UploadDefaults): UploadMessage {
  const refuse = (problem: string): never => {
    throw new UploadLineError(line.number, problem);
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
  const nameOf = (name: string): string | undefined => {
    const value = textOf(name);
    // As many characters as there are UTF-16 units, or fewer.
    return value && value.length > maxNameCharacters && Array.from(value).length > maxNameCharacters
      ? refuse(`"${name}" has more than ${maxNameCharacters} characters`)
      : value;
  };
  const idempotencyKey = nameOf("idempotencyKey");
  const timestamp = textOf("timestamp");
  return {
    room: nameOf("room") || defaults.room || refuse('no "room", and none is set for all lines'),
    user: nameOf("user") || defaults.user,
    content: checkLine(textOf("content") || refuse('no "content"'), refuse),
    ...(idempotencyKey && { idempotencyKey }),
    ...(timestamp && {
      timestamp: parseTime(timestamp) ?? refuse('"timestamp" is not an RFC 3339 time'),
    }),
  };
}

function checkLine(content: string, refuse: (problem: string) => never): string {
  try {
    checkContentSize(content);
    return content;
  } catch (error) {
    return refuse(ConnectError.from(error).rawMessage);
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

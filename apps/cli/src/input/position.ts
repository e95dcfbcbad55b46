import type { MessageInitShape } from "@bufbuild/protobuf";
import type { PositionSchema } from "@parley/proto/chat/v1";
import { InvalidArgumentError } from "commander";

/** Where a reader stands in a room: the plain form of chat.v1.Position. */
export interface PlainPosition {
  readonly epoch: string;
  readonly sequence: bigint;
}

/** The position before the oldest message kept, written `start`. */
export const startPosition: PlainPosition = { epoch: "", sequence: 0n };

const maxSequence = 2n ** 64n - 1n;

/**
 * Reads `<epoch>/<sequence>` or `start`. An epoch may itself contain slashes.
 *
 * @throws commander's InvalidArgumentError, which names what is expected.
 */
export function parsePosition(text: string): PlainPosition {
  if (text === "start") {
    return startPosition;
  }
  const found = /^(.+)\/(\d+)$/s.exec(text);
  const epoch = found?.[1];
  const sequence = found?.[2] === undefined ? undefined : BigInt(found[2]);
  if (epoch === undefined || sequence === undefined || sequence > maxSequence) {
    throw new InvalidArgumentError('A position is "start" or "<epoch>/<sequence>".');
  }
  return { epoch, sequence };
}

/** The inverse of {@link parsePosition}. */
export function formatPosition(position: MessageInitShape<typeof PositionSchema>): string {
  return position.epoch ? `${position.epoch}/${position.sequence ?? 0n}` : "start";
}

/** Quotes a word for a POSIX shell, where it needs to be: hints are made to be pasted. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

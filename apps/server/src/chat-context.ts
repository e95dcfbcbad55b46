import { ConnectError } from "@connectrpc/connect";
import type { Position } from "@parley/proto/chat/v1";
import { type MessageLog, MessageLogError } from "./message-log.ts";
import type { Metrics } from "./metrics.ts";
import type { Rooms, SubscribeOptions } from "./rooms.ts";
import { fromMessageLogError, invalidArgument, outOfRange } from "./service-errors.ts";

/** What the calls of the chat service work on. */
export interface ChatContext {
  readonly log: MessageLog;
  readonly rooms: Rooms;
  readonly metrics: Metrics;
  /** Labels the metrics of a caller that named no instance. */
  readonly instanceId: string;
  /** Aborts when the server starts to drain, with the error that ends streams. */
  readonly drainSignal: AbortSignal;
}

/** The error that a call ends with: what the log throws becomes a ConnectError. */
export function toConnectError(error: unknown, { log }: Pick<ChatContext, "log">): unknown {
  return error instanceof MessageLogError ? fromMessageLogError(error, log.epoch) : error;
}

/**
 * Where a position that a caller named stands in a room.
 *
 * @throws ConnectError INVALID_ARGUMENT for a sequence without an epoch,
 * OUT_OF_RANGE for another epoch.
 */
export async function resolvePosition(
  { log }: Pick<ChatContext, "log">,
  room: string,
  position: Pick<Position, "epoch" | "sequence">,
  field: string,
): Promise<Exclude<SubscribeOptions["start"], "head">> {
  const { epoch, sequence } = position;
  if (epoch === "") {
    if (sequence > 0n) {
      throw invalidArgument({
        field: field === "" ? "epoch" : `${field}.epoch`,
        description: "a sequence needs the epoch that it belongs to",
      });
    }
    return "oldest";
  }
  if (epoch !== log.epoch) {
    throw outOfRange(
      log.epoch,
      await log.extent(room),
      `the position is of epoch "${epoch}", the log of epoch "${log.epoch}"`,
    );
  }
  return Number(sequence);
}

/** Calls back when the call or the server ends, until the returned function is called. */
export function onEnding(
  callback: () => void,
  signal: AbortSignal,
  { drainSignal }: Pick<ChatContext, "drainSignal">,
): () => void {
  for (const ending of [signal, drainSignal]) {
    ending.addEventListener("abort", callback);
  }
  return () => {
    for (const ending of [signal, drainSignal]) {
      ending.removeEventListener("abort", callback);
    }
  };
}

/**
 * Throws why the call, or with it the server, ends. A server that ends lets its
 * calls send what they have: not before there is nothing left of that.
 */
export function throwIfEnding(
  signal: AbortSignal,
  { drainSignal }: Pick<ChatContext, "drainSignal">,
  caughtUp = true,
): void {
  for (const { aborted, reason } of caughtUp ? [signal, drainSignal] : [signal]) {
    if (aborted) {
      throw ConnectError.from(reason);
    }
  }
}

import type { Position } from "@parley/proto/chat/v1";
import { type MessageLog, MessageLogError } from "../log/message-log.ts";
import type { Rooms, SubscribeOptions } from "../rooms/rooms.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { MetricsSampler } from "../telemetry/metrics-sampler.ts";
import type { ServerDrain } from "./server-drain.ts";
import { fromMessageLogError, invalidArgument, outOfRange } from "./service-errors.ts";

/** What the calls of the chat service work on. */
export interface ChatContext {
  readonly log: MessageLog;
  readonly rooms: Rooms;
  readonly metrics: Metrics;
  readonly sampler: Pick<MetricsSampler, "subscribe">;
  /** When the server drains, and with which error streams end. */
  readonly drain: ServerDrain;
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

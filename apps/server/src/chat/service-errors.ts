import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { type Position, PositionOutOfRangeSchema, PositionSchema } from "@parley/proto/chat/v1";
import { BadRequestSchema, RetryInfoSchema } from "@parley/proto/google/rpc/error_details";
import type { MessageLogError, RoomExtent } from "../log/message-log.ts";

/** One field that is not as the contract wants it, as google.rpc.BadRequest has it. */
export interface FieldViolation {
  readonly field: string;
  readonly description: string;
}

const retryDelayMs = 1_000;

/** INVALID_ARGUMENT with a google.rpc.BadRequest. */
export function invalidArgument(...fieldViolations: readonly FieldViolation[]): ConnectError {
  const text = fieldViolations.map(({ field, description }) => `${field}: ${description}`);
  return new ConnectError(text.join("; "), Code.InvalidArgument, undefined, [
    { desc: BadRequestSchema, value: { fieldViolations: [...fieldViolations] } },
  ]);
}

/** INVALID_ARGUMENT for one of many messages: descriptions begin with its index in the stream. */
export function invalidMessage(
  index: number,
  ...violations: readonly FieldViolation[]
): ConnectError {
  return invalidArgument(
    ...violations.map(({ field, description }) => ({
      field,
      description: `message ${index}: ${description}`,
    })),
  );
}

/** OUT_OF_RANGE with a PositionOutOfRange. */
export function outOfRange(epoch: string, extent: RoomExtent, message: string): ConnectError {
  return new ConnectError(message, Code.OutOfRange, undefined, [
    {
      desc: PositionOutOfRangeSchema,
      value: create(PositionOutOfRangeSchema, {
        oldest: toPosition(epoch, extent.oldest),
        head: toPosition(epoch, extent.head),
      }),
    },
  ]);
}

/** What the caller is told of a failure of the log. */
export function fromMessageLogError(error: MessageLogError, epoch: string): ConnectError {
  if (error.code === "out-of-range" && error.extent) {
    return outOfRange(epoch, error.extent, error.message);
  }
  if (error.code === "damaged") {
    return new ConnectError(error.message, Code.DataLoss, undefined, undefined, error);
  }
  const code = error.code === "unavailable" ? Code.Unavailable : Code.ResourceExhausted;
  return new ConnectError(
    error.message,
    code,
    undefined,
    [{ desc: RetryInfoSchema, value: { retryDelay: durationFromMs(retryDelayMs) } }],
    error,
  );
}

export function toPosition(epoch: string, sequence: number): Position {
  return create(PositionSchema, { epoch, sequence: BigInt(sequence) });
}

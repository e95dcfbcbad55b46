import { Code, ConnectError } from "@connectrpc/connect";
import { type Message, MessageType } from "@parley/proto/chat/v1";
import type { Position } from "../position/position.ts";

/** A position that moves forward with the messages of one stream after another. */
export interface Cursor {
  /** Undefined until the first welcome, unless the reader started from a position. */
  readonly position: Position | undefined;
  /**
   * Takes the first message of a stream. Throws a ConnectError when it is no
   * welcome that a reader can resume from.
   */
  welcome(message: Message): void;
  /** Moves past a message. False when the reader must not see it. */
  accept(message: Message): boolean;
}

/** @param presence - whether the reader sees JOIN and LEAVE messages */
export function createCursor(after: Position | undefined, presence: boolean): Cursor {
  let epoch = after?.epoch ?? "";
  let sequence = after?.sequence ?? 0n;
  let fixed = after !== undefined;

  function advance(to: bigint): void {
    if (to > sequence) {
      sequence = to;
    }
  }

  return {
    get position() {
      return fixed ? { epoch, sequence } : undefined;
    },
    welcome(message) {
      if (message.type !== MessageType.SYSTEM || message.epoch === "") {
        throw new ConnectError(
          "the server does not say where the subscription starts: it cannot be resumed",
          Code.Unimplemented,
        );
      }
      // A server that went on with another log, instead of refusing, would make
      // the reader miss messages or see them twice.
      if (epoch !== "" && message.epoch !== epoch) {
        throw new ConnectError(
          `the server went on in epoch ${message.epoch} after a position of epoch ${epoch}`,
          Code.DataLoss,
        );
      }
      epoch = message.epoch;
      fixed = true;
      advance(message.sequence);
    },
    accept(message) {
      switch (message.type) {
        case MessageType.SYSTEM:
          advance(message.sequence);
          return false;
        case MessageType.JOIN:
        case MessageType.LEAVE:
          advance(message.sequence);
          return presence;
        // CHAT, and whatever else a later server may store.
        default: {
          const isNew = message.sequence > sequence;
          advance(message.sequence);
          return isNew;
        }
      }
    },
  };
}

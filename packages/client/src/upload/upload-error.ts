import { ConnectError } from "@connectrpc/connect";

/**
 * An upload failed. Messages that were sent may have been stored, all or some:
 * those that had idempotency keys can be uploaded again with the same ones, and
 * are stored once.
 *
 * A `ConnectError` with the code of its `cause`.
 */
export class UploadError extends ConnectError {
  /** How many messages the transport had taken. The rest was not sent. */
  readonly sent: number;

  constructor(error: ConnectError, sent: number) {
    super(error.rawMessage, error.code, error.metadata, undefined, error);
    this.details = error.details;
    this.sent = sent;
  }

  // ConnectError recognises any value of its shape, and a subclass would inherit that.
  static override [Symbol.hasInstance](value: unknown): boolean {
    return Function.prototype[Symbol.hasInstance].call(UploadError, value);
  }
}

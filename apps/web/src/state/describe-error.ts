import { Code, ConnectError } from "@connectrpc/connect";
import { BadRequestSchema } from "@parley/proto/google/rpc/error_details";

/** What went wrong, as a sentence for whoever uses the page. */
export function describeError(reason: unknown): string {
  const error = ConnectError.from(reason);
  switch (error.code) {
    case Code.Unavailable:
      return "The server can’t be reached.";
    case Code.DeadlineExceeded:
      return "The server did not answer in time.";
    case Code.Canceled:
      return "It was cancelled.";
    case Code.Unauthenticated:
      return "The server does not know who you are.";
    case Code.PermissionDenied:
      return "The server does not allow this.";
    case Code.InvalidArgument:
      return `The server refused it: ${describeViolations(error)}.`;
    case Code.OutOfRange:
      return "The server no longer keeps these messages.";
    case Code.ResourceExhausted:
      return asSentence(error.rawMessage);
    default:
      return `Something went wrong: ${error.rawMessage || Code[error.code]}.`;
  }
}

function describeViolations(error: ConnectError): string {
  const violations = error
    .findDetails(BadRequestSchema)
    .flatMap((detail) => detail.fieldViolations)
    .map(({ field, description }) => `${field} ${description}`);
  return violations.join("; ") || error.rawMessage;
}

function asSentence(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}.`;
}

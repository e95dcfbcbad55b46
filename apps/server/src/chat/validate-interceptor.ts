import type { DescMessage, Message } from "@bufbuild/protobuf";
import { pathToString } from "@bufbuild/protobuf/reflect";
import { createValidator } from "@bufbuild/protovalidate";
import type { Interceptor } from "@connectrpc/connect";
import { mapBatches, withMessages } from "@parley/host/frame-stream";
import { invalidArgument } from "./service-errors.ts";
import { createSureCheck, type SureCheck } from "./sure-check.ts";

/**
 * Holds every message that a caller sends to the rules that the contract gives
 * its fields (https://protovalidate.com), before the service sees it. A message
 * that breaks one fails the call with INVALID_ARGUMENT and all its violations.
 */
export function createValidateInterceptor(): Interceptor {
  const validator = createValidator();
  const sureChecks = new Map<DescMessage, SureCheck>();

  function sureCheckOf(schema: DescMessage): SureCheck {
    let check = sureChecks.get(schema);
    if (!check) {
      check = createSureCheck(schema);
      sureChecks.set(schema, check);
    }
    return check;
  }

  function validate(schema: DescMessage, message: Message): void {
    if (sureCheckOf(schema)(message)) {
      return;
    }
    const result = validator.validate(schema, message);
    if (result.kind === "invalid") {
      const violations = result.violations.map((violation) => ({
        field: pathToString(violation.field),
        description: violation.message,
      }));
      throw invalidArgument(...violations);
    }
    if (result.kind === "error") {
      throw result.error;
    }
  }

  function validated<T extends Message>(schema: DescMessage, messages: AsyncIterable<T>) {
    return mapBatches(messages, (batch) => {
      for (const message of batch) {
        validate(schema, message);
      }
      return batch;
    });
  }

  return (next) => (request) => {
    if (request.stream) {
      return next(withMessages(request, validated(request.method.input, request.message)));
    }
    validate(request.method.input, request.message);
    return next(request);
  };
}

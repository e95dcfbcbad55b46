import type { DescMessage } from "@bufbuild/protobuf";
import { pathToString } from "@bufbuild/protobuf/reflect";
import { createValidator } from "@bufbuild/protovalidate";
import type { MessageValidator } from "@parley/host";
import { createPlainRulesCheck, type PlainRulesCheck } from "./plain-rules-check.ts";
import { invalidArgument, invalidMessage } from "./service-errors.ts";

/**
 * Creates what holds a message to the rules that the contract gives its fields
 * (https://protovalidate.com). It throws INVALID_ARGUMENT, with all its violations, for a
 * message that breaks one; of many messages it tells which one that is.
 */
export function createMessageValidator(): MessageValidator {
  const validator = createValidator();
  const plainRulesChecks = new Map<DescMessage, PlainRulesCheck>();

  function plainRulesCheckOf(schema: DescMessage): PlainRulesCheck {
    let check = plainRulesChecks.get(schema);
    if (!check) {
      check = createPlainRulesCheck(schema);
      plainRulesChecks.set(schema, check);
    }
    return check;
  }

  return ({ input, methodKind }, message, index) => {
    if (plainRulesCheckOf(input)(message)) {
      return;
    }
    const result = validator.validate(input, message);
    if (result.kind === "invalid") {
      const violations = result.violations.map((violation) => ({
        field: pathToString(violation.field),
        description: violation.message,
      }));
      const isOneOfMany = methodKind === "client_streaming" || methodKind === "bidi_streaming";
      throw isOneOfMany ? invalidMessage(index, ...violations) : invalidArgument(...violations);
    }
    if (result.kind === "error") {
      throw result.error;
    }
  };
}

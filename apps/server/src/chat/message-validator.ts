import type { DescMessage, Message } from "@bufbuild/protobuf";
import { pathToString } from "@bufbuild/protobuf/reflect";
import { createValidator } from "@bufbuild/protovalidate";
import { createPlainRulesCheck, type PlainRulesCheck } from "./plain-rules-check.ts";
import { invalidArgument } from "./service-errors.ts";

/**
 * Creates what holds a message to the rules that the contract gives its fields
 * (https://protovalidate.com). It throws INVALID_ARGUMENT, with all its violations, for a
 * message that breaks one.
 */
export function createMessageValidator(): (schema: DescMessage, message: Message) => void {
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

  return (schema, message) => {
    if (plainRulesCheckOf(schema)(message)) {
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
  };
}

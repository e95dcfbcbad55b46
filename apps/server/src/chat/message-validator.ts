import type { DescMessage, Message } from "@bufbuild/protobuf";
import { pathToString } from "@bufbuild/protobuf/reflect";
import { createValidator } from "@bufbuild/protovalidate";
import { invalidArgument } from "./service-errors.ts";
import { createSureCheck, type SureCheck } from "./sure-check.ts";

/**
 * Creates what holds a message to the rules that the contract gives its fields
 * (https://protovalidate.com). It throws INVALID_ARGUMENT, with all its violations, for a
 * message that breaks one.
 */
export function createMessageValidator(): (schema: DescMessage, message: Message) => void {
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

  return (schema, message) => {
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
  };
}

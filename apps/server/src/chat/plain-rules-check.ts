import {
  type DescField,
  type DescMessage,
  getOption,
  isFieldSet,
  type Message,
} from "@bufbuild/protobuf";
import {
  type FieldRules,
  field as fieldRules,
  StringRulesSchema,
} from "@parley/proto/buf/validate";

/**
 * Whether a message plainly keeps to its rules. False says nothing: then the validator has
 * to look.
 */
export type PlainRulesCheck = (message: Message) => boolean;

type FieldCheck = (message: Record<string, unknown>) => boolean;

const never: FieldCheck = () => false;

/**
 * Patterns that exclude Unicode's categories of characters. They mean the same to JavaScript as
 * to RE2, which contracts are written for and which is many times slower; others may not.
 */
const excludesCategories = /^\^\[\^(\\p\{\w+\})+\]\*\$$/;

/**
 * Creates a check of what the rules of a message say most often: bounds of texts,
 * characters that names must not hold, known values of enums. It costs a hundredth of the validator, which walks all
 * fields by reflection, so it goes first where each message counts.
 */
export function createPlainRulesCheck(schema: DescMessage): PlainRulesCheck {
  const checks = createChecks(schema, new Set());
  return (message) => {
    for (const check of checks) {
      if (!check(message as unknown as Record<string, unknown>)) {
        return false;
      }
    }
    return true;
  };
}

function createChecks(schema: DescMessage, above: ReadonlySet<DescMessage>): FieldCheck[] {
  if (schema.oneofs.length > 0 || above.has(schema)) {
    return [never];
  }
  const path = new Set([...above, schema]);
  return schema.fields.flatMap((field) => createCheck(field, path) ?? []);
}

function createCheck(field: DescField, path: ReadonlySet<DescMessage>): FieldCheck | undefined {
  const { localName, fieldKind } = field;
  const rules = getOption(field, fieldRules);
  // Rules that this server's subset of the contract of rules does not name are kept unread.
  const isRuled = rules.type.case !== undefined || rules.required || rules.$unknown !== undefined;
  if (fieldKind === "message" && !isRuled) {
    const checks = createChecks(field.message, path);
    return (message) => {
      const value = message[localName] as Record<string, unknown> | undefined;
      return value === undefined || checks.every((check) => check(value));
    };
  }
  if (fieldKind === "message") {
    return rules.required ? never : (message) => message[localName] === undefined;
  }
  if (!isRuled && (fieldKind === "scalar" || fieldKind === "enum")) {
    return undefined;
  }
  const isWithin = createBounds(field, rules);
  return isWithin ? (message) => isWithin(message[localName]) : never;
}

/** A check of the value alone; undefined for rules that it does not know. */
function createBounds(
  field: DescField,
  { type, required, $unknown }: FieldRules,
): ((value: unknown) => boolean) | undefined {
  if (type.case === undefined || required || $unknown || type.value.$unknown) {
    return undefined;
  }
  if (field.fieldKind === "enum" && type.case === "enum" && type.value.definedOnly) {
    const known = new Set<unknown>(field.enum.values.map(({ number }) => number));
    return (value) => known.has(value);
  }
  if (field.fieldKind !== "scalar" || type.case !== "string") {
    return undefined;
  }
  const { minLen, maxLen, maxBytes, pattern } = type.value;
  if (pattern !== "" && !excludesCategories.test(pattern)) {
    return undefined;
  }
  const matches = pattern === "" ? undefined : new RegExp(pattern, "u");
  const { field: ruleFields } = StringRulesSchema;
  const limit = (rule: DescField, bound: bigint) =>
    isFieldSet(type.value, rule) ? Number(bound) : Number.POSITIVE_INFINITY;
  // A text of n UTF-16 units has n characters at most and n / 2 at least, and takes three
  // bytes for each at most.
  const minUnits = minLen <= 1n ? Number(minLen) : 2 * Number(minLen);
  const maxUnits = Math.min(
    limit(ruleFields.maxLen, maxLen),
    limit(ruleFields.maxBytes, maxBytes) / 3,
  );
  return (value) =>
    typeof value === "string" &&
    value.length >= minUnits &&
    value.length <= maxUnits &&
    (matches === undefined || matches.test(value));
}

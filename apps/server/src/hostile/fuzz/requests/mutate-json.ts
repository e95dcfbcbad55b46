import type { Random } from "../random.ts";

const oddValues = [
  "null",
  "[]",
  "{}",
  '""',
  "0",
  "-0",
  "-1",
  "1e999999",
  "1e21",
  "0.1",
  "123456789012345678901234567890",
  '"9223372036854775808"',
  '"NaN"',
  '"Infinity"',
  "true",
  '"2026-13-45T99:99:99Z"',
  '"9999999999999999999s"',
  '"-0.0000000001s"',
  '"\\ud800"',
  '"\\u0000"',
  '{"__proto__":{"x":1}}',
  '{"seconds":1}',
  '"AAA*"',
];

/** Changes the JSON of a message so that it is nearly one. */
export function mutateJson(random: Random, json: string): string {
  const depth = random.pick([10, 1_000, 100_000]);
  const names = [...json.matchAll(/"(\w+)":/g)].map(([, name]) => name as string);
  const name = random.pick([...names, "room", "unknown", "__proto__", "timestamp", "heartbeat"]);
  const addField = (value: string) =>
    json.replace(/\}$/, `${json.length > 2 ? "," : ""}"${name}":${value}}`);
  return random.pick<() => string>([
    () => addField(random.pick(oddValues)),
    () => addField(random.pick(oddValues)),
    () => addField(random.pick(oddValues)),
    () => addField("[".repeat(depth) + "]".repeat(random.chance(0.7) ? depth : 0)),
    () => addField(`${'{"a":'.repeat(depth)}1${"}".repeat(random.chance(0.7) ? depth : 0)}`),
    () => addField("9".repeat(depth)),
    () => addField(`"${"x".repeat(depth)}"`),
    () => addField(`"${"\\ud800".repeat(depth)}"`),
    () => "[".repeat(depth),
    () => json.slice(0, random.int(0, json.length)),
    () => `${json}${json}`,
    () => `\ufeff${json}`,
    () => `${" \n".repeat(depth)}${json}`,
    () => random.pick(oddValues),
    () => json.replace(/"/g, "'"),
    () => `{${Array.from({ length: depth / 10 }, (_, index) => `"f${index}":1`).join(",")}}`,
  ])();
}

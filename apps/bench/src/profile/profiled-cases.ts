import { fanOut } from "../work/fan-out.ts";
import { memory } from "../work/memory.ts";
import { unary } from "../work/unary.ts";
import { upload } from "../work/upload.ts";
import type { Work, WorkCase } from "../work/work.ts";

/** One case that stands for its work, and what is looked at while it runs. */
export interface ProfiledCase {
  readonly work: Work;
  readonly workCase: WorkCase<unknown>;
  readonly looksAt: "cpu" | "heap";
}

/** The case that is profiled of each work that has a profile. */
export const profiledCases: readonly ProfiledCase[] = [
  select(fanOut, "cpu", (name) => /^100 on 10 connections, 10 messages a write/.test(name)),
  select(unary, "cpu", (name) => name === "gRPC, 8 connections x 16"),
  select(upload, "cpu", (name) => name === "one stream"),
  select(memory, "heap", (name) => name === "1,000 subscribers sharing 10 connections"),
];

function select(
  work: Work,
  looksAt: ProfiledCase["looksAt"],
  isWanted: (name: string) => boolean,
): ProfiledCase {
  const workCase = work.cases.find(({ name }) => isWanted(name));
  if (!workCase) {
    throw new Error(`${work.name} has no such case`);
  }
  return { work, workCase, looksAt };
}

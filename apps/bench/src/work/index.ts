import { fanOut } from "./fan-out.ts";
import { unary } from "./unary.ts";
import type { Work } from "./work.ts";

/** All that can be measured, in the order of a run. */
export const works: readonly Work[] = [fanOut, unary];

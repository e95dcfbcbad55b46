import { catchUp } from "./catch-up.ts";
import { chat } from "./chat.ts";
import { fanOut } from "./fan-out.ts";
import { latency } from "./latency.ts";
import { memory } from "./memory.ts";
import { unary } from "./unary.ts";
import { upload } from "./upload.ts";
import type { Work } from "./work.ts";

/** All that can be measured, in the order of a run. */
export const works: readonly Work[] = [fanOut, latency, unary, upload, chat, catchUp, memory];

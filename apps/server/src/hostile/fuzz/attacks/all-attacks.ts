import type { Random } from "../random.ts";
import type { Attack } from "./attack.ts";
import { http1Attacks } from "./http1-attacks.ts";
import { http2CallAttacks } from "./http2-calls.ts";
import { http2EndingAttacks } from "./http2-endings.ts";
import { http2FrameAttacks } from "./http2-frames.ts";
import { http2WindowAttacks } from "./http2-windows.ts";
import { largeMessageAttacks } from "./large-messages.ts";
import { webSocketAttacks } from "./websocket-attacks.ts";

/** All kinds of attacks. */
export const allAttacks: readonly Attack[] = [
  ...http1Attacks,
  ...largeMessageAttacks,
  ...http2CallAttacks,
  ...http2EndingAttacks,
  ...http2FrameAttacks,
  ...http2WindowAttacks,
  ...webSocketAttacks,
];

/** One of the attacks, each as often as its weight says. */
export function pickAttack(random: Random, attacks: readonly Attack[]): Attack {
  const weights = attacks.map(({ weight = 1 }) => Math.round(weight * 10));
  let rest = random.int(
    1,
    weights.reduce((sum, weight) => sum + weight, 0),
  );
  return attacks.find((_, index) => {
    rest -= weights[index] as number;
    return rest <= 0;
  }) as Attack;
}

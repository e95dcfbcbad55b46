import type { Contestant } from "../contestants/contestant.ts";

/** The same contestant with its inspector listening on a port of 127.0.0.1. */
export function inspectedContestant(contestant: Contestant, inspectorPort: number): Contestant {
  return {
    ...contestant,
    launch(port) {
      const launch = contestant.launch(port);
      return { ...launch, args: [`--inspect=127.0.0.1:${inspectorPort}`, ...launch.args] };
    },
  };
}

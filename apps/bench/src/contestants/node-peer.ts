import { fileURLToPath } from "node:url";
import { type Contestant, serviceName } from "./contestant.ts";

/** A contestant whose server is a program of src/peers, run by this Node. */
export function createNodePeer(
  peer: Pick<Contestant, "name" | "description" | "protocols"> & { readonly program: string },
): Contestant {
  const { program, ...rest } = peer;
  const path = fileURLToPath(new URL(`../peers/${program}`, import.meta.url));
  return {
    ...rest,
    keepsHistory: false,
    isNode: true,
    service: serviceName,
    launch: () => ({ command: process.execPath, args: [path] }),
  };
}

import { fileURLToPath } from "node:url";
import { type Contestant, serviceName } from "./contestant.ts";

/**
 * What the Node of every contestant is given: the flags of `npm start`. With the default of 16 MiB for
 * new objects, calls in flight outlive it, and cost the collector a tenth of all time.
 */
export const nodeFlags: readonly string[] = ["--max-semi-space-size=64"];

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
    launch: () => ({ command: process.execPath, args: [...nodeFlags, path] }),
  };
}

import { allProtocols, type Contestant } from "./contestant.ts";

/** A server that a run brings along. */
export interface PeerCommand {
  readonly name: string;
  /** For the shell; `{port}` stands for the port. */
  readonly command: string;
}

/** Reads "name=command"; undefined when it is none. */
export function parsePeer(text: string): PeerCommand | undefined {
  const [, name, command] = /^([\w.-]+)=(.*\S.*)$/s.exec(text) ?? [];
  return name === undefined || command === undefined ? undefined : { name, command };
}

/**
 * A contestant from a command. It is asked over every protocol, and shown as failed where
 * it does not answer.
 */
export function createPeer({ name, command }: PeerCommand, service: string): Contestant {
  return {
    name,
    description: command,
    protocols: allProtocols,
    keepsHistory: false,
    isNode: false,
    service,
    launch: (port) => ({
      command: "/bin/sh",
      args: ["-c", command.replaceAll("{port}", `${port}`)],
    }),
  };
}

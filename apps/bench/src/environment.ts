import { cpus, release, totalmem, type } from "node:os";

/** The machine and the programs that a run was made with. */
export interface Environment {
  readonly system: string;
  readonly processor: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly node: string;
}

/** Describes this machine. */
export function describeEnvironment(): Environment {
  const processors = cpus();
  return {
    system: `${type()} ${release()}`,
    processor: processors[0]?.model.trim() ?? "unknown",
    cores: processors.length,
    memoryBytes: totalmem(),
    node: process.version,
  };
}

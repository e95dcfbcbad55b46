/** A part of the suite, and what has to come of it. */
export interface CaseSelection {
  /** The file of features below `config`, by which the runner chooses cases. */
  readonly config: string;
  /** Cases that are left out beside, as the runner's patterns of names. */
  readonly skip?: readonly string[];
  /** How many cases there are: all of them have to pass. */
  readonly caseCount: number;
  /** How many calls the lean path serves, where it is not left out. */
  readonly leanPathCallCount: number;
  /**
   * How many of these have a deadline after 200 ms: on a machine that is busy the client may
   * give up before it has sent anything, and the case passes all the same.
   */
  readonly shortCallCount: number;
}

/** The name of a part of the suite. */
export type CaseSelectionName = "all" | "lean-path" | "tunnel" | "frames";

/**
 * The parts of the suite that can be run. Each case is one call, and which path serves it
 * hangs on its form alone: the numbers are the same each time, but for the shortest calls.
 */
export const caseSelections: Readonly<Record<CaseSelectionName, CaseSelection>> = {
  all: { config: "all.yaml", caseCount: 5_266, leanPathCallCount: 714, shortCallCount: 35 },
  "lean-path": {
    config: "lean-path.yaml",
    caseCount: 420,
    // The others are about requests of a form that is left to the stock path.
    leanPathCallCount: 401,
    shortCallCount: 20,
  },
  tunnel: {
    config: "tunnel.yaml",
    // Every request of the tunnel counts as a POST.
    skip: ["**/unexpected-verb"],
    caseCount: 1_130,
    leanPathCallCount: 214,
    shortCallCount: 10,
  },
  frames: { config: "frames.yaml", caseCount: 644, leanPathCallCount: 128, shortCallCount: 4 },
};

/** Reads the value of a command's `--cases` flag; throws for a selection that there is not. */
export function parseSelection(name: string): CaseSelectionName {
  if (!Object.hasOwn(caseSelections, name)) {
    throw new Error(`--cases ${name}: not one of ${Object.keys(caseSelections).join(", ")}`);
  }
  return name as CaseSelectionName;
}

/** A line of an upload cannot be taken. The message names the line and what is wrong with it. */
export class UploadLineError extends Error {
  override name = "UploadLineError";
  /** The line's number, the first being 1. */
  readonly lineNumber: number;
  /** What is wrong, without the line's number. */
  readonly problem: string;

  constructor(lineNumber: number, problem: string) {
    super(`line ${lineNumber}: ${problem}`);
    this.lineNumber = lineNumber;
    this.problem = problem;
  }
}

import { type Transferable, Worker } from "node:worker_threads";
import { MessageLogError } from "../message-log.ts";

export interface LogThreadHandlers<Response> {
  /** Takes each of the thread's messages but the first. What it throws fails the thread. */
  readonly onMessage: (response: Response) => void;
  /** Called once if the thread fails after it was opened, unless it was told to end. */
  readonly onFailure: (error: MessageLogError) => void;
}

/**
 * A thread of a message log, from its start to its end. However it fails, those who opened
 * it are told, and nobody else is.
 */
export class LogThread<Request, Response> {
  /** Resolves with the thread's first message; rejects with a MessageLogError if it fails before. */
  readonly opened: Promise<Response>;
  readonly #worker: Worker;
  readonly #exited = Promise.withResolvers<void>();
  readonly #onFailure: (error: MessageLogError) => void;
  #state: "opening" | "open" | "over" = "opening";

  constructor(file: URL, workerData: unknown, handlers: LogThreadHandlers<Response>) {
    const { promise, resolve, reject } = Promise.withResolvers<Response>();
    this.opened = promise;
    // It may fail before somebody waits.
    promise.catch(() => {});
    this.#onFailure = (error) => {
      reject(error);
      if (this.#state === "open") {
        this.#state = "over";
        handlers.onFailure(error);
      }
    };
    this.#worker = new Worker(file, { workerData });
    this.#worker.on("message", (response: Response) => {
      if (this.#state === "opening") {
        this.#state = "open";
        resolve(response);
        return;
      }
      try {
        handlers.onMessage(response);
      } catch (error) {
        this.#fail("a message of a thread of the message log cannot be taken", error);
      }
    });
    this.#worker.on("messageerror", (error) =>
      this.#fail("a message of a thread of the message log cannot be read", error),
    );
    this.#worker.on("error", (error) => this.#fail("a thread of the message log died", error));
    this.#worker.on("exit", (code) => {
      this.#exited.resolve();
      this.#fail("a thread of the message log ended", `exit code ${code}`);
    });
  }

  /** @throws when the request cannot be cloned */
  send(request: Request, transfer: readonly Transferable[] = []): void {
    this.#worker.postMessage(request, transfer);
  }

  /** Resolves when the thread has done what the request says, and ended. */
  async end(request: Request): Promise<void> {
    this.#state = "over";
    this.send(request);
    await this.#exited.promise;
  }

  /** Resolves when the thread has been stopped at once. */
  async terminate(): Promise<void> {
    this.#state = "over";
    await this.#worker.terminate();
  }

  #fail(what: string, error: unknown): void {
    const text = error instanceof Error ? error.message : String(error);
    const message = this.#state === "opening" ? text : `${what}: ${text}`;
    this.#onFailure(new MessageLogError("unavailable", message, { cause: error }));
  }
}

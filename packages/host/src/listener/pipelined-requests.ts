import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";

/** So many may wait before what else the client sends is left with the system. */
const maxWaiting = 32;
/** As many as a client can have sent at once; one that did has its connection closed. */
const maxWaitingAtOnce = 1_000;

/** How long a request may wait for the answers before it. */
const maxWaitMs = 30_000;

/** Who is told of the requests of a connection. */
export interface PipelineListener {
  /** Called when all that has arrived is answered. */
  onIdle(): void;
  /** Told of what serving a request throws; its connection is closed. */
  onError(error: Error): void;
}

/**
 * The requests of one HTTP/1 connection, which may be sent before the first one is answered
 * (https://www.rfc-editor.org/rfc/rfc9112#section-9.3.2). Node would have all of them served
 * at once, and keep their answers until those before have been taken. They are served one
 * after the other: so a connection whose client does not read costs one answer.
 *
 * A connection is not read while a request waits on it, so that nobody would notice its end:
 * one on which a request waits for long, behind an endless answer for example, is closed.
 */
export class PipelinedRequests {
  readonly #socket: Socket;
  readonly #listener: PipelineListener;
  readonly #waiting: { readonly response: ServerResponse; readonly serve: () => void }[] = [];
  #isServing = false;
  #isPaused = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(socket: Socket, listener: PipelineListener) {
    this.#socket = socket;
    this.#listener = listener;
  }

  /** Requests that have arrived and not been answered. */
  get count(): number {
    return this.#waiting.length + (this.#isServing ? 1 : 0);
  }

  /** Serves a request when those before it have been answered. */
  add(response: ServerResponse, serve: () => void): void {
    this.#waiting.push({ response, serve });
    if (this.#waiting.length > maxWaitingAtOnce) {
      this.#socket.destroy();
    } else if (this.#waiting.length > maxWaiting) {
      // Each time: Node resumes by itself what it has paused for an answer that waits.
      this.#isPaused = true;
      this.#socket.pause();
    }
    this.#serveNext();
    this.#limitWait();
  }

  #serveNext(): void {
    if (this.#isServing) {
      return;
    }
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#socket.destroyed) {
      this.#waiting.length = 0;
      return;
    }
    const next = this.#waiting.shift();
    if (next) {
      this.#isServing = true;
      next.response.once("close", () => {
        this.#isServing = false;
        this.#serveNext();
        if (this.count === 0) {
          this.#listener.onIdle();
        }
      });
      try {
        next.serve();
      } catch (error) {
        this.#socket.destroy();
        this.#listener.onError(error as Error);
      }
    }
    this.#limitWait();
    if (this.#isPaused && this.#waiting.length <= maxWaiting / 2) {
      this.#isPaused = false;
      this.#socket.resume();
    }
  }

  #limitWait(): void {
    if (this.#waiting.length > 0) {
      this.#timer ??= setTimeout(() => this.#socket.destroy(), maxWaitMs).unref();
    }
  }
}

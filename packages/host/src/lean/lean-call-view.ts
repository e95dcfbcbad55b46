import type { IncomingHttpHeaders } from "node:http2";
import type {
  ConnectError,
  ContextValues,
  StreamResponse,
  UnaryResponse,
} from "@connectrpc/connect";
import { callKey } from "../calls/call.ts";
import type { CallRequest } from "../calls/call-request.ts";
import { takeUnsendable } from "../calls/header-check.ts";
import { type LeanCallState, LeanContextValues, leanCallKey } from "./lean-context.ts";
import { changedOnly, ResponseHeaders } from "./lean-headers.ts";
import type { LeanMethod } from "./lean-method.ts";
import type { LeanStream } from "./lean-stream.ts";
import type { LeanProtocol, ResponseParts } from "./protocols/lean-protocol.ts";

/** What is known of a call when its headers have arrived. */
export interface LeanCallStart {
  readonly stream: LeanStream;
  readonly headers: IncomingHttpHeaders;
  readonly target: LeanMethod;
  readonly protocol: LeanProtocol;
  readonly request: CallRequest;
}

/**
 * What observers, interceptors and the handler see of a call on the lean path, and the parts of
 * its response that they set. The base of the call itself, rather than an object of its own:
 * most calls are short, or idle streams of which there are many.
 */
export abstract class LeanCallView implements LeanCallState, ResponseParts {
  readonly path = "lean";
  readonly startedAtMs: number = performance.now();
  receivedCount = 0;
  abstract readonly sentCount: number;
  ownResponse: UnaryResponse | StreamResponse | undefined;
  readonly contextValues: ContextValues;
  readonly target: LeanMethod;
  readonly request: CallRequest;
  readonly carrier: LeanStream;
  protected readonly wire: LeanProtocol;
  /** What the caller is told, once the call ends. */
  error: ConnectError | undefined;
  hasEnded = false;
  readonly #timeoutMs: number | undefined;
  readonly #scheme: string | undefined;
  readonly #authority: string | undefined;
  #controller: AbortController | undefined;
  #responseHeader: Headers | undefined;
  #responseTrailer: Headers | undefined;

  constructor(start: LeanCallStart, timeoutMs: number | undefined) {
    const { stream, headers, target, protocol, request } = start;
    this.carrier = stream;
    this.target = target;
    this.wire = protocol;
    this.request = request;
    this.#timeoutMs = timeoutMs;
    this.#scheme = headers[":scheme"];
    this.#authority = headers[":authority"];
    this.contextValues = new LeanContextValues().set(leanCallKey, this).set(callKey, this);
  }

  abstract reserve(bytes: number): Promise<void> | undefined;
  abstract fail(error: unknown): void;

  get service(): string {
    return this.target.method.parent.typeName;
  }

  get method(): string {
    return this.target.method.name;
  }

  get kind(): LeanMethod["method"]["methodKind"] {
    return this.target.method.methodKind;
  }

  get protocol(): LeanProtocol["name"] {
    return this.wire.name;
  }

  get url(): string {
    return `${this.#scheme ?? "http"}://${this.#authority ?? "localhost"}${this.target.path}`;
  }

  /** Whether messages of the request come in envelopes. */
  get isEnveloped(): boolean {
    return this.wire.enveloped;
  }

  /** Aborts when the caller goes away, its deadline passes, or the call has ended. */
  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController();
      if (this.hasEnded) {
        this.#controller.abort(this.error);
      }
    }
    return this.#controller.signal;
  }

  /** What is left of the time that the caller waits; undefined when it did not say. */
  timeoutMs(): number | undefined {
    return this.#timeoutMs === undefined
      ? undefined
      : this.#timeoutMs - (performance.now() - this.startedAtMs);
  }

  /** Aborts the handler's signal, and leaves it to that to end the call. */
  abort(reason: unknown): void {
    if (!this.hasEnded) {
      this.#controller ??= new AbortController();
      this.#controller.abort(reason);
    }
  }

  /** Aborts the signal of a call that has ended, if anybody has looked at it. */
  protected abortEnded(): void {
    this.#controller?.abort(this.error);
  }

  get responseHeader(): Headers {
    this.#responseHeader ??= new ResponseHeaders();
    return this.#responseHeader;
  }

  get responseTrailer(): Headers {
    this.#responseTrailer ??= new ResponseHeaders();
    return this.#responseTrailer;
  }

  get header(): Headers | undefined {
    return changedOnly(this.#responseHeader);
  }

  get trailer(): Headers | undefined {
    return changedOnly(this.#responseTrailer);
  }

  get jsonOptions(): ResponseParts["jsonOptions"] {
    return this.target.options.jsonOptions;
  }

  /** Interceptors may have put other headers in the place of the handler's. */
  protected takeHeaders(response: UnaryResponse | StreamResponse): void {
    if (response !== this.ownResponse) {
      this.#responseHeader = response.header;
      this.#responseTrailer = response.trailer;
    }
  }

  /** Takes out what HTTP/2 forbids, and returns what the caller is told for it. */
  protected takeUnsendable(): ConnectError | undefined {
    const { header, trailer } = this;
    return (header && takeUnsendable(header)) ?? (trailer && takeUnsendable(trailer));
  }
}

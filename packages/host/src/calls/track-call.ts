import type {
  ConnectError,
  StreamRequest,
  StreamResponse,
  UnaryRequest,
} from "@connectrpc/connect";

/** A call in flight. */
export interface Call {
  readonly isStream: boolean;
  /**
   * Ends the call with this error whatever its handler does: what its client waits
   * for fails, and the signal of a streaming handler aborts.
   */
  fail(error: ConnectError): void;
}

/** Where calls are counted: the functions of this module add to it and delete from it. */
export interface CallSet {
  add(call: Call): void;
  delete(call: Call): void;
}

/** Runs a unary call on the stock path, which is in flight until its handler is done. */
export function trackUnary<Response>(
  request: UnaryRequest,
  next: (request: UnaryRequest) => Promise<Response>,
  calls: CallSet,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    const call: Call = { isStream: false, fail: reject };
    calls.add(call);
    next(request)
      .then(resolve, reject)
      .finally(() => calls.delete(call));
  });
}

/**
 * Runs a streaming call of any kind on the stock path. It is in flight until the iterable of its
 * response has ended, returned or thrown, or until there is none to come.
 */
export async function trackStream<Response>(
  request: StreamRequest,
  next: (request: StreamRequest) => Promise<Response | StreamResponse>,
  calls: CallSet,
): Promise<Response | StreamResponse> {
  const controller = new AbortController();
  const forwardAbort = () => controller.abort(request.signal.reason);
  let endedWith: ConnectError | undefined;
  let rejectPending: ((error: ConnectError) => void) | undefined;

  const call: Call = {
    isStream: true,
    fail(error) {
      endedWith ??= error;
      // Before the abort, so that the client gets this error, not the handler's.
      rejectPending?.(error);
      controller.abort(error);
    },
  };

  // Not Promise.race with one promise for the whole call: each message would leave
  // a reaction on it for as long as the call lives.
  function untilEnded<T>(run: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (endedWith !== undefined) {
        reject(endedWith);
        return;
      }
      rejectPending = reject;
      run().then(resolve, reject);
    });
  }

  function finish() {
    request.signal.removeEventListener("abort", forwardAbort);
    calls.delete(call);
  }

  function track<T>(messages: AsyncIterable<T>): AsyncIterable<T> {
    return {
      [Symbol.asyncIterator]() {
        const inner = messages[Symbol.asyncIterator]();
        return {
          async next() {
            try {
              const result = await untilEnded(() => inner.next());
              if (result.done) {
                finish();
              }
              return result;
            } catch (error) {
              finish();
              if (error === endedWith) {
                // Not awaited: a generator returns only once what it awaits has settled.
                inner.return?.().catch(() => {});
              }
              throw error;
            }
          },
          async return(value) {
            try {
              return (await inner.return?.(value)) ?? { done: true, value };
            } finally {
              finish();
            }
          },
          async throw(error) {
            try {
              if (inner.throw === undefined) {
                throw error;
              }
              return await inner.throw(error);
            } finally {
              finish();
            }
          },
        };
      },
    };
  }

  calls.add(call);
  if (request.signal.aborted) {
    forwardAbort();
  } else {
    request.signal.addEventListener("abort", forwardAbort);
  }
  try {
    const response = await untilEnded(() => next({ ...request, signal: controller.signal }));
    return isStream(response) ? { ...response, message: track(response.message) } : response;
  } catch (error) {
    finish();
    throw error;
  }
}

function isStream(response: unknown): response is StreamResponse {
  return (response as StreamResponse).stream;
}

import type {
  HandlerContext,
  Interceptor,
  StreamRequest,
  StreamResponse,
  UnaryRequest,
  UnaryResponse,
} from "@connectrpc/connect";
import type { UniversalHandler, UniversalServerRequest } from "@connectrpc/connect/protocol";
import { type Next, StockCall, type StockOptions, stockCallKey } from "./stock-call.ts";

// How Connect's own handlers are made to begin and end calls as all paths do: each is wrapped,
// opened by its request gate, and surrounded by an interceptor.

/** Makes one of Connect's handlers begin and end its calls as all paths do. */
export function serveStock(handler: UniversalHandler, options: StockOptions): UniversalHandler {
  return Object.assign(
    (request: UniversalServerRequest) =>
      new StockCall(handler.method, request, options).serve(handler),
    handler,
  );
}

/** What opens a call, ahead of a gate of the user's. */
export function openRequestGate(
  gate: ((context: HandlerContext) => void | Promise<void>) | undefined,
): (context: HandlerContext) => void | Promise<void> {
  return (context) => {
    const call = context.values.get(stockCallKey);
    call?.open(context);
    return call ? call.passGate(gate && (() => gate(context))) : gate?.(context);
  };
}

/** The outermost of the interceptors: what they and the handler do is the call's. */
export function createStockInterceptor(): Interceptor {
  return (next) => (request) => {
    const call = request.contextValues.get(stockCallKey);
    if (!call) {
      return next(request);
    }
    return request.stream
      ? call.invokeStream(request, next as Next<StreamRequest, StreamResponse>)
      : call.invokeUnary(request, next as Next<UnaryRequest, UnaryResponse>);
  };
}

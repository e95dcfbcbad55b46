import { type ContextValues, createContextValues } from "@connectrpc/connect";
import {
  fromFastifyRequest,
  type HostedRequest,
  type HostedResponse,
} from "../calls/call-request.ts";
import { callRequestKey } from "./stock-request.ts";

/** Tells calls that come by Fastify of the request that they came in. */
export interface FastifyContext {
  /** For Fastify's hook `onRequest`. */
  readonly hook: (
    request: HostedRequest,
    reply: { readonly raw: HostedResponse },
    done: () => void,
  ) => void;
  /** For the option `contextValues` of Connect's plugin. */
  readonly contextValues: (request: HostedRequest) => ContextValues;
}

/** Creates both. The plugin's option knows nothing of the response, so the hook keeps it. */
export function createFastifyContext(): FastifyContext {
  const responses = new WeakMap<object, HostedResponse>();
  return {
    hook(request, reply, done) {
      responses.set(request.raw, reply.raw);
      done();
    },
    contextValues(request) {
      const response = responses.get(request.raw) ?? { once: () => {} };
      return createContextValues().set(callRequestKey, fromFastifyRequest(request, response));
    },
  };
}

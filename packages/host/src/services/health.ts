import type { DescService } from "@bufbuild/protobuf";
import { Code, ConnectError, type ConnectRouter } from "@connectrpc/connect";
import {
  HealthCheckResponse_ServingStatus,
  Health as HealthService,
} from "../gen/health/v1/health_pb.ts";

/** The states that a service can be given, as the protocol names them. */
export type ServingStatus = "SERVING" | "NOT_SERVING" | "UNKNOWN";

/** Options for {@link createHealth}. */
export interface HealthOptions {
  /**
   * Services that serve from the start, as descriptors or full names. The server
   * as a whole, which has the name "", always does.
   */
  readonly services?: readonly (DescService | string)[];
}

/** The gRPC health service of a server, and the state that it tells. */
export interface Health {
  /** The descriptor of `grpc.health.v1.Health`, to list it in server reflection. */
  readonly service: DescService;
  /** Registers the health service; pass it to a Connect router or plugin. */
  readonly routes: (router: ConnectRouter) => void;
  /**
   * Sets the state of a service, or of the server as a whole when `service` is "".
   * Has no effect after {@link Health.drain}.
   */
  setStatus(service: DescService | string, status: ServingStatus): void;
  /** The state of a service, or undefined when it was never given one. */
  status(service: DescService | string): ServingStatus | undefined;
  /** Sets every known service to NOT_SERVING, for good. */
  drain(): void;
  /**
   * Calls {@link Health.drain}, and ends every Watch, now and from now on, with
   * UNAVAILABLE once it has sent its last state. To be called when connections are
   * about to be closed: clients come back at once to ask again.
   */
  close(): void;
}

// As grpc-go has it: a snapshot larger than this is refused.
const maxListedServices = 100;

/**
 * Creates the health service of
 * https://github.com/grpc/grpc/blob/master/doc/health-checking.md.
 *
 * - Check answers with NOT_FOUND for a service that was never given a state.
 * - Watch answers such a service with SERVICE_UNKNOWN and stays open. It sends each
 *   change as far as its client keeps up: states that come and go while a slow
 *   client takes one are left out, so that a watcher costs constant memory; the
 *   latest state always arrives.
 * - List answers with RESOURCE_EXHAUSTED beyond 100 services.
 */
export function createHealth(options: HealthOptions = {}): Health {
  const statuses = new Map<string, ServingStatus>([["", "SERVING"]]);
  const watchers = new Set<() => void>();
  let isDraining = false;
  let isClosed = false;

  for (const service of options.services ?? []) {
    statuses.set(nameOf(service), "SERVING");
  }

  function wakeWatchers() {
    for (const wake of [...watchers]) {
      wake();
    }
  }

  function drain() {
    isDraining = true;
    for (const service of statuses.keys()) {
      statuses.set(service, "NOT_SERVING");
    }
    wakeWatchers();
  }

  async function* watch(service: string, signal: AbortSignal) {
    let sent: ServingStatus | "SERVICE_UNKNOWN" | undefined;
    while (!signal.aborted) {
      const status = statuses.get(service) ?? "SERVICE_UNKNOWN";
      if (status !== sent) {
        sent = status;
        yield { status: HealthCheckResponse_ServingStatus[status] };
      } else if (isClosed) {
        throw new ConnectError("the server is draining", Code.Unavailable);
      } else {
        await nextChange(signal);
      }
    }
  }

  function nextChange(signal: AbortSignal) {
    return new Promise<void>((resolve) => {
      const wake = () => {
        watchers.delete(wake);
        signal.removeEventListener("abort", wake);
        resolve();
      };
      watchers.add(wake);
      signal.addEventListener("abort", wake);
    });
  }

  return {
    service: HealthService,
    routes(router) {
      router.service(HealthService, {
        check({ service }) {
          const status = statuses.get(service);
          if (status === undefined) {
            throw new ConnectError(`unknown service: ${service}`, Code.NotFound);
          }
          return { status: HealthCheckResponse_ServingStatus[status] };
        },
        watch: ({ service }, context) => watch(service, context.signal),
        list() {
          if (statuses.size > maxListedServices) {
            throw new ConnectError(
              `more than ${maxListedServices} services: ask for each with Check`,
              Code.ResourceExhausted,
            );
          }
          return {
            statuses: Object.fromEntries(
              Array.from(statuses, ([service, status]) => [
                service,
                { status: HealthCheckResponse_ServingStatus[status] },
              ]),
            ),
          };
        },
      });
    },
    setStatus(service, status) {
      if (!isDraining) {
        statuses.set(nameOf(service), status);
        wakeWatchers();
      }
    },
    status: (service) => statuses.get(nameOf(service)),
    drain,
    close() {
      isClosed = true;
      drain();
    },
  };
}

function nameOf(service: DescService | string) {
  return typeof service === "string" ? service : service.typeName;
}

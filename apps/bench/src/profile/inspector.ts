/** A thread of a server that is being inspected. */
export interface InspectedThread {
  /** "main", or the last word of the program's file that the thread runs: "writer". */
  readonly name: string;
  /** Calls a method of the inspector protocol. Rejects when it fails or the server is gone. */
  call<Result = unknown>(method: string, params?: object): Promise<Result>;
}

/** A connection to the inspector of a server in Node. */
export interface Inspector {
  /** The main thread first, then the worker threads. */
  readonly threads: readonly [InspectedThread, ...InspectedThread[]];
  /**
   * Calls the listener with the parameters of each event of this name from the main thread.
   * Returns a function that ends it.
   */
  onEvent(name: string, listener: (params: Record<string, unknown>) => void): () => void;
  close(): void;
}

interface Incoming {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Record<string, unknown>;
  readonly result?: unknown;
  readonly error?: { readonly message: string };
}

/**
 * Connects to a server that was started with `--inspect` on this port of 127.0.0.1, and to
 * the worker threads that it has by now. Rejects when there is no such server.
 */
export async function connectInspector(port: number): Promise<Inspector> {
  const answer = await fetch(`http://127.0.0.1:${port}/json/list`);
  const [target] = (await answer.json()) as { readonly webSocketDebuggerUrl: string }[];
  const socket = new WebSocket(target?.webSocketDebuggerUrl ?? "");
  const listeners = new Map<string, Set<(params: Record<string, unknown>) => void>>();
  const onEvent: Inspector["onEvent"] = (name, listener) => {
    const found = listeners.get(name) ?? new Set();
    listeners.set(name, found.add(listener));
    return () => void found.delete(listener);
  };
  const main = createCaller((message) => socket.send(message));
  const callers = new Set([main]);
  socket.addEventListener("message", ({ data }) => {
    const message = JSON.parse(data as string) as Incoming;
    main.receive(message);
    for (const listener of listeners.get(message.method ?? "") ?? []) {
      listener(message.params ?? {});
    }
  });
  socket.addEventListener("close", () => {
    for (const caller of callers) {
      caller.end();
    }
  });
  await new Promise<void>((resolve, reject) => {
    socket.addEventListener("open", () => resolve());
    socket.addEventListener("error", () => reject(new Error("cannot connect to the inspector")));
  });

  const workers: InspectedThread[] = [];
  onEvent("NodeWorker.attachedToWorker", ({ sessionId, workerInfo }) => {
    const caller = createCaller((message) => {
      const sent = main.call("NodeWorker.sendMessageToWorker", { sessionId, message });
      sent.catch((error: Error) => caller.end(error));
    });
    callers.add(caller);
    onEvent("NodeWorker.receivedMessageFromWorker", (params) => {
      if (params.sessionId === sessionId) {
        caller.receive(JSON.parse(params.message as string));
      }
    });
    const { url } = workerInfo as { readonly url: string };
    workers.push({ name: nameWorker(url), call: caller.call });
  });
  // Those that run already are reported before it answers.
  await main.call("NodeWorker.enable", { waitForDebuggerOnStart: false });
  workers.sort((a, b) => (a.name < b.name ? 1 : -1));
  return {
    threads: [{ name: "main", call: main.call }, ...workers],
    onEvent,
    close: () => socket.close(),
  };
}

/** The last word of the file's name: "writer" of ".../message-writer.ts". */
export function nameWorker(url: string): string {
  return /([a-z0-9]+)\.[cm]?[jt]s$/i.exec(url)?.[1] ?? "worker";
}

/** Matches answers to calls by their ids. */
function createCaller(send: (message: string) => void) {
  const pending = new Map<number, PromiseWithResolvers<unknown>>();
  let lastId = 0;
  return {
    call<Result>(method: string, params: object = {}): Promise<Result> {
      const deferred = Promise.withResolvers<unknown>();
      pending.set(++lastId, deferred);
      send(JSON.stringify({ id: lastId, method, params }));
      return deferred.promise as Promise<Result>;
    },
    receive({ id, result, error }: Incoming): void {
      const deferred = pending.get(id ?? 0);
      pending.delete(id ?? 0);
      if (error) {
        deferred?.reject(new Error(`the inspector refused: ${error.message}`));
      } else {
        deferred?.resolve(result);
      }
    },
    end(error: Error = new Error("the inspected server is gone")): void {
      for (const deferred of pending.values()) {
        deferred.reject(error);
      }
      pending.clear();
    },
  };
}

import { createEchoHost } from "./echo-server.ts";

// A host that ends with its process, as told by messages. It logs to standard output.

let release = () => {};
const released = new Promise<void>((resolve) => {
  release = resolve;
});

const host = createEchoHost({
  processEvents: true,
  logger: true,
  // No test waits for it to be over.
  drain: { timeoutMs: 2 ** 40 },
  handlers: {
    async unary({ text }) {
      process.send?.("called");
      await released;
      return { text };
    },
  },
  onClosed() {
    if (process.env.BROKEN_CLOSE) {
      throw new Error("cannot close");
    }
  },
});

process.on("message", (message) => {
  switch (message) {
    case "release":
      release();
      break;
    case "throw":
      throw new Error("nobody catches this");
    case "reject":
      Promise.reject(new Error("nobody catches this"));
  }
});

process.send?.(await host.listen({ host: "127.0.0.1", port: 0 }));

import { once } from "node:events";
import { createServer } from "node:net";

/**
 * A TCP port that was free on loopback a moment ago, below 32768: outside the
 * range that the system hands to clients, so that a server can be restarted on
 * it while clients connect.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    const probe = createServer();
    try {
      probe.listen(port, "127.0.0.1");
      await once(probe, "listening");
      return port;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") {
        throw error;
      }
    } finally {
      probe.close();
    }
  }
}

import { startChatServer } from "./chat-server.ts";
import { echoHandlers } from "./echo-handlers.ts";

// What the README's snippet takes for granted: a page of a server that echoes, and its user.

const { url, kill } = await startChatServer({ after: () => {} }, { handlers: echoHandlers });

Object.assign(globalThis, {
  location: { href: `${url}/`, origin: url },
  nextLine: async () => "bye",
  show(content: string) {
    process.stdout.write(`${content}\n`);
    if (content === "bye") {
      void kill();
    }
  },
});

import { setTimeout as delay } from "node:timers/promises";
import { styleText } from "node:util";
import { timestampDate, timestampNow } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { metricUnit } from "@parley/client";
import { type Message, MessageType } from "@parley/proto/chat/v1";
import { type Command, Option } from "commander";
import type { CommandContext, RunCommand } from "../context.ts";
import { formatLabels } from "../output/metric-rounds.ts";
import { formatUser } from "../output/output.ts";
import { printable } from "../output/text.ts";

const uploadIntervalMs = 200;
const chatIntervalMs = 300;
const chatMessages = 3;
const metricsShown = 10;

// Of each example. All of them together take about four seconds.
const exampleTimeoutMs = 10_000;

/** Adds `parley demo`. */
export function addDemoCommand(program: Command, run: RunCommand): void {
  program
    .command("demo")
    .description("Show each kind of RPC at work: five examples, about four seconds.")
    .addOption(new Option("--room <room>", "the room to use").default("general"))
    .addHelpText(
      "after",
      `
It ends with exit code 0 only if every example got the answers it must get, so
it also serves as a test of an installation.

Examples:
  parley demo
  parley demo --server https://chat.example.com --protocol connect`,
    )
    .action((options: { room: string }, command: Command) =>
      run(command, (context) => demo(context, options.room)),
    );
}

type Example = (stage: Stage) => Promise<void>;

/** What an example works with. */
interface Stage {
  readonly rpc: CommandContext["rpc"];
  readonly room: string;
  readonly signal: AbortSignal;
  say(text: string): Promise<void>;
}

const examples: readonly (readonly [title: string, run: Example])[] = [
  ["Unary: SendMessage", unary],
  ["Server streaming: SubscribeMessages", serverStreaming],
  ["Client streaming: UploadMessages", clientStreaming],
  ["Bidirectional streaming: Chat", bidirectional],
  ["Server streaming: StreamMetrics", metrics],
];

async function demo(context: CommandContext, room: string): Promise<void> {
  const { output, rpc } = context;
  for (const [index, [title, run]] of examples.entries()) {
    await output.line(`${index > 0 ? "\n" : ""}${styleText("bold", `${index + 1}. ${title}`)}`);
    const timeUp = AbortSignal.timeout(exampleTimeoutMs);
    // Ends the streams that an example leaves: Connect keeps them open otherwise.
    const done = new AbortController();
    const signal = AbortSignal.any([context.signal, timeUp, done.signal]);
    try {
      await run({ rpc, room, signal, say: (text) => output.line(`   ${text}`) });
    } catch (error) {
      await output.line(`   ${styleText("red", "✗")} failed`);
      throw timeUp.aborted ? new ConnectError("too slow", Code.DeadlineExceeded) : error;
    } finally {
      done.abort();
    }
  }
  await output.line(`\n${styleText("green", "✓")} All five examples worked.`);
}

async function unary({ rpc, room, signal, say }: Stage): Promise<void> {
  const content = "Hello from unary RPC!";
  await say(`→ ${formatUser("Alice")}: ${content}`);
  const sent = await rpc.sendMessage({ user: "Alice", content, room }, { signal });
  const time = sent.timestamp ? timestampDate(sent.timestamp).toISOString() : "no time";
  await say(`← stored as ${sent.messageId}, sequence ${sent.sequence}, at ${time}`);
}

/** A subscription that hears what is said meanwhile. */
async function serverStreaming(stage: Stage): Promise<void> {
  const { rpc, room, signal, say } = stage;
  const said = ["Is anybody listening?", "Loud and clear!"];
  await hear(stage, said.length, async () => {
    for (const [index, content] of said.entries()) {
      const user = index === 0 ? "Alice" : "Bob";
      await say(`→ ${formatUser(user)}: ${content}`);
      await rpc.sendMessage({ user, content, room }, { signal });
    }
  });
}

async function clientStreaming(stage: Stage): Promise<void> {
  const { rpc, room, signal, say } = stage;
  const contents = ["First", "Second", "Third", "Fourth", "Fifth"].map(
    (ordinal) => `${ordinal} batch message`,
  );
  async function* batch() {
    for (const [index, content] of contents.entries()) {
      await say(`→ ${formatUser("Bob")}: ${content}`);
      yield { id: `batch_${index}`, user: "Bob", content, room, timestamp: timestampNow() };
      await delay(uploadIntervalMs, undefined, { signal });
    }
  }
  const result = await rpc.uploadMessages(batch(), { signal });
  expect(result.success && result.messageCount === contents.length, "all five to be stored");
  await say(`← ${result.messageCount} messages stored, success=${result.success}`);
}

async function bidirectional({ rpc, room, signal, say }: Stage): Promise<void> {
  const chat = { user: "Charlie", room };
  const joined = Promise.withResolvers<void>();
  async function* requests() {
    yield { ...chat, id: "client_join", type: MessageType.JOIN };
    await joined.promise;
    for (let number = 1; number <= chatMessages; number++) {
      const content = `Bidirectional message #${number}`;
      await say(`→ ${formatUser(chat.user)}: ${content}`);
      yield { ...chat, id: `client_${number}`, content, type: MessageType.CHAT };
      await delay(chatIntervalMs, undefined, { signal });
    }
  }
  let echoes = 0;
  for await (const message of rpc.chat(requests(), { signal })) {
    // The first answer is to the JOIN: from then on the stream receives the room.
    joined.resolve();
    if (/^echo_client_\d+$/.test(message.id)) {
      echoes++;
    }
    if (message.id !== "echo_client_join") {
      await say(formatReceived(message));
    }
  }
  expect(echoes === chatMessages, `${chatMessages} echoes, got ${echoes}`);
}

async function metrics({ rpc, signal, say }: Stage): Promise<void> {
  let received = 0;
  const request = { instanceId: "server-01", intervalSeconds: 1 };
  for await (const metric of rpc.streamMetrics(request, { signal })) {
    const value = `${metric.value.toFixed(2)} ${metricUnit(metric.name)}`.trimEnd();
    await say(`← ${metric.name} = ${value} (${formatLabels(metric.labels)})`);
    received++;
    if (received === metricsShown) {
      break;
    }
  }
  expect(received === metricsShown, `${metricsShown} values, got ${received}`);
}

/** Subscribes, does something once welcomed, and waits for so many messages of the room. */
async function hear(stage: Stage, count: number, act: () => Promise<void>): Promise<void> {
  const { rpc, room, signal, say } = stage;
  let acting: Promise<void> | undefined;
  let heard = 0;
  for await (const message of rpc.subscribeMessages({ room, user: "Alice" }, { signal })) {
    await say(formatReceived(message));
    if (!acting) {
      expect(message.type === MessageType.SYSTEM, "a welcome first");
      acting = act();
    }
    if (message.type === MessageType.CHAT && ++heard === count) {
      break;
    }
  }
  await acting;
  expect(heard >= count, `${count} messages, got ${heard}`);
}

function formatReceived(message: Message): string {
  return `← [${message.room}] ${formatUser(message.user)}: ${printable(message.content)}`;
}

function expect(condition: boolean, what: string): void {
  if (!condition) {
    throw new Error(`the example failed: expected ${what}`);
  }
}

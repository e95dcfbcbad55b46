import { clearScreenDown, moveCursor } from "node:readline";
import { styleText } from "node:util";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import { metricUnit } from "@parley/client";
import { type Metric, MetricSchema } from "@parley/proto/chat/v1";
import { type Command, InvalidArgumentError, Option } from "commander";
import { tellOfConnection } from "../connection/tell-of-connection.ts";
import { type CommandContext, parseCount, type RunCommand } from "../context.ts";
import { formatLabels, metricKey, metricRounds } from "../output/metric-rounds.ts";
import { formatTable } from "../output/table.ts";
import { formatTime, printableName } from "../output/text.ts";

interface MetricsOptions {
  readonly interval: number;
  readonly count?: number;
}

/** Adds `parley metrics`. */
export function addMetricsCommand(program: Command, run: RunCommand): void {
  program
    .command("metrics")
    .description("Watch what the server measures of itself, until Ctrl-C.")
    .addOption(
      new Option("--interval <seconds>", "how often to measure, 1 to 3600")
        .default(1)
        .argParser(parseInterval),
    )
    .addOption(new Option("--count <n>", "end after n measurements").argParser(parseCount))
    .addHelpText(
      "after",
      `
On a terminal: a table, refreshed in place. Otherwise: one line for each value.
A connection that breaks is opened again.

Examples:
  parley metrics
  parley metrics --interval 5
  parley metrics --count 1 | grep cpu_usage
  parley metrics --json | jq 'select(.name == "event_loop_delay")'`,
    )
    .action((options: MetricsOptions, command: Command) =>
      run(command, (context) => metrics(context, options)),
    );
}

async function metrics(context: CommandContext, options: MetricsOptions): Promise<void> {
  const { output, signal } = context;
  const show = output.isTerminal ? createLiveTable(context) : (round: Metric[]) => print(round);
  const print = async (round: Metric[]) => {
    for (const metric of round) {
      await (output.json ? output.object(MetricSchema, metric) : output.line(formatMetric(metric)));
    }
  };
  let left = options.count ?? Number.POSITIVE_INFINITY;
  const stopped = new AbortController();
  const stream = context.chat.streamMetrics(
    { intervalSeconds: options.interval },
    {
      signal: AbortSignal.any([signal, stopped.signal]),
      onStateChange: tellOfConnection({
        notice: output.notice,
        giveUp: (error) => stopped.abort(error),
      }),
    },
  );
  for await (const round of metricRounds(stream)) {
    await show(round);
    if (--left <= 0) {
      return;
    }
  }
  stopped.signal.throwIfAborted();
  // Ctrl-C is how one stops watching; with a count it leaves the work undone.
  if (options.count !== undefined) {
    signal.throwIfAborted();
  }
}

const wrapOff = "\x1b[?7l";
const wrapOn = "\x1b[?7h";

/** Draws each round over the one before. */
function createLiveTable(context: CommandContext): (round: Metric[]) => Promise<void> {
  let drawnLines = 0;
  return async (round) => {
    const time = round[0]?.timestamp ? timestampDate(round[0].timestamp) : new Date();
    const instance = printableName(round[0]?.labels.instance ?? "");
    const lines = [
      `${styleText("bold", instance)} at ${context.serverUrl}  ${styleText("dim", `${formatTime(time)}, Ctrl-C to end`)}`,
      "",
      ...formatMetricsTable(round),
    ].slice(0, Math.max(1, process.stdout.rows - 1));
    moveCursor(process.stdout, 0, -drawnLines);
    clearScreenDown(process.stdout);
    drawnLines = lines.length;
    // Wrapped lines would count as one and take two: they are cut instead.
    await context.output.line(`${wrapOff}${lines.join("\n")}${wrapOn}`);
  };
}

function formatMetricsTable(round: readonly Metric[]): string[] {
  // The instance is the same on every line: it is said once, above.
  const rows = round
    .toSorted((a, b) => (metricKey(a) < metricKey(b) ? -1 : 1))
    .map((metric) => {
      const { instance: _, ...labels } = metric.labels;
      return [
        printableName(metric.name),
        printableName(formatLabels(labels)),
        metric.value.toFixed(2),
        metricUnit(metric.name),
      ];
    });
  return formatTable(
    [
      { title: "METRIC" },
      { title: "LABELS" },
      { title: "VALUE", align: "right" },
      { title: "UNIT" },
    ],
    rows,
  );
}

/** `2026-11-21T14:03:22.123Z cpu_usage{core=0 instance=a} 12.50 %` */
function formatMetric(metric: Metric): string {
  const time = metric.timestamp ? timestampDate(metric.timestamp) : new Date();
  const labels = printableName(formatLabels(metric.labels));
  const unit = metricUnit(metric.name);
  return `${time.toISOString()} ${printableName(metric.name)}{${labels}} ${metric.value.toFixed(2)}${unit && ` ${unit}`}`;
}

function parseInterval(text: string): number {
  const seconds = parseCount(text);
  if (seconds > 3_600) {
    throw new InvalidArgumentError("It takes 1 to 3600 seconds.");
  }
  return seconds;
}

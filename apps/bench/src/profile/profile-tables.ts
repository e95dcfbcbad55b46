import { formatFigure, formatPart } from "../report/figures.ts";
import type { Column, Table } from "../report/table-layout.ts";
import type { SelfTime, ThreadProfile } from "./cpu-profile.ts";
import type { ProfiledWork, ProfileResult } from "./profile-report.ts";

const rowsShown = 12;
const kindsShown = 15;
const nothing = "";

/** The share of busy time of each part of a server, by thread; idle time apart. */
export function tabulateParts(
  threads: readonly ThreadProfile[],
  work: ProfiledWork,
  count: number,
): Table {
  const total = totalBusy(threads);
  const names = new Map<string, number>();
  for (const { name, seconds } of threads.flatMap(({ parts }) => parts)) {
    names.set(name, (names.get(name) ?? 0) + seconds);
  }
  const share = (seconds: number) => (seconds > 0 ? formatPart(seconds / total) : nothing);
  const each = (seconds: number) => formatFigure((seconds / count) * 1e6);
  const inThread = ({ parts }: ThreadProfile, wanted: string) =>
    parts.find(({ name }) => name === wanted)?.seconds ?? 0;
  return {
    columns: [
      left("part"),
      ...threads.map(({ thread }) => right(thread)),
      right("all threads"),
      right(`us/${work.operation}`),
    ],
    rows: [
      ...[...names]
        .toSorted((a, b) => b[1] - a[1])
        .map(([name, seconds]) => [
          name,
          ...threads.map((thread) => share(inThread(thread, name))),
          share(seconds),
          each(seconds),
        ]),
      [
        "all parts",
        ...threads.map(({ busySeconds }) => share(busySeconds)),
        share(total),
        each(total),
      ],
      [
        "busy, of the thread's time",
        ...threads.map(({ busySeconds, idleSeconds }) =>
          formatPart(busySeconds / Math.max(busySeconds + idleSeconds, 1e-9)),
        ),
        nothing,
        nothing,
      ],
      [
        "CPU time, of the thread's time",
        ...threads.map(({ cpuSeconds, busySeconds, idleSeconds }) =>
          formatPart(cpuSeconds / Math.max(busySeconds + idleSeconds, 1e-9)),
        ),
        nothing,
        each(threads.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0)),
      ],
    ],
  };
}

/** The functions that take most time themselves. */
export function tabulateFunctions(threads: readonly ThreadProfile[]): Table {
  const total = totalBusy(threads);
  const functions = threads
    .flatMap(({ thread, functions }) => functions.map((entry) => ({ ...entry, thread })))
    .toSorted((a: SelfTime, b: SelfTime) => b.seconds - a.seconds)
    .slice(0, rowsShown);
  return {
    columns: [right("share"), left("thread"), left("function"), left("location"), left("part")],
    rows: functions.map(({ name, seconds, thread, location, part }) => [
      formatPart(seconds / total),
      thread,
      name,
      location,
      part,
    ]),
  };
}

/** What a subscriber adds to the heap, by kind, contestants beside each other. */
export function tabulateHeaps(results: readonly ProfileResult[]): Table {
  const heaps = results.flatMap(({ contestant, heap }) => (heap ? [{ contestant, heap }] : []));
  const kindsOf = heaps.map(
    ({ heap }) => new Map(heap.kinds.map((growth) => [growth.kind, growth])),
  );
  const shown = heaps[0]?.heap.kinds.slice(0, kindsShown).map(({ kind }) => kind) ?? [];
  const sum = (index: number, kinds: readonly string[]) => {
    const found = kinds.flatMap((kind) => kindsOf[index]?.get(kind) ?? []);
    return {
      count: found.reduce((total, { count }) => total + count, 0),
      bytes: found.reduce((total, { bytes }) => total + bytes, 0),
    };
  };
  const cells = (kindsAt: (index: number) => readonly string[]) =>
    heaps.flatMap((_, index) => {
      const { count, bytes } = sum(index, kindsAt(index));
      return count === 0 && bytes === 0
        ? [nothing, nothing]
        : [count.toFixed(2), `${Math.round(bytes)}`];
    });
  const bytesOnly = (title: string, read: (heap: NonNullable<ProfileResult["heap"]>) => number) => [
    title,
    ...heaps.flatMap(({ heap }) => [nothing, `${Math.round(read(heap))}`]),
  ];
  const allKinds = (index: number) => [...(kindsOf[index]?.keys() ?? [])];
  return {
    columns: [
      left("each subscriber adds"),
      ...heaps.flatMap(({ contestant }) => [right(`${contestant}: objects`), right("bytes")]),
    ],
    rows: [
      ...shown.map((kind) => [kind, ...cells(() => [kind])]),
      [
        "all other kinds",
        ...cells((index) => allKinds(index).filter((kind) => !shown.includes(kind))),
      ],
      ["all kinds, native parts included", ...cells(allKinds)],
      bytesOnly("the heap of V8", ({ heapBytes }) => heapBytes),
      bytesOnly("buffers outside of it", ({ bufferBytes }) => bufferBytes),
      bytesOnly("resident memory", ({ residentBytes }) => residentBytes),
    ],
  };
}

function totalBusy(threads: readonly ThreadProfile[]): number {
  return Math.max(
    threads.reduce((sum, { busySeconds }) => sum + busySeconds, 0),
    1e-9,
  );
}

function left(title: string): Column {
  return { title, align: "left" };
}

function right(title: string): Column {
  return { title, align: "right" };
}

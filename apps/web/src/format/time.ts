const language = "en";
const clockFormat = new Intl.DateTimeFormat(language, {
  hour: "2-digit",
  minute: "2-digit",
  hourCycle: "h23",
});
const weekdayFormat = new Intl.DateTimeFormat(language, {
  weekday: "long",
  month: "long",
  day: "numeric",
});
const dateFormat = new Intl.DateTimeFormat(language, {
  year: "numeric",
  month: "long",
  day: "numeric",
});
const fullFormat = new Intl.DateTimeFormat(language, {
  dateStyle: "full",
  timeStyle: "medium",
  hourCycle: "h23",
});

const dayMs = 24 * 60 * 60 * 1_000;

/** `14:03` */
export function formatClock(time: Date): string {
  return clockFormat.format(time);
}

/** `Thursday, November 20, 2026 at 14:03:22` */
export function formatFull(time: Date): string {
  return fullFormat.format(time);
}

/** `Today`, `Yesterday`, `Thursday, November 20` of this year, or `November 20, 2025`. */
export function formatDay(time: Date, now: Date = new Date()): string {
  const days = Math.round((startOfDay(now) - startOfDay(time)) / dayMs);
  if (days === 0) {
    return "Today";
  }
  if (days === 1) {
    return "Yesterday";
  }
  return (time.getFullYear() === now.getFullYear() ? weekdayFormat : dateFormat).format(time);
}

/** Whether both are of one day, where this browser is. */
export function isSameDay(a: Date, b: Date): boolean {
  return startOfDay(a) === startOfDay(b);
}

/** `0.4 s`, `42 s`, `3 min`, `1 h 5 min` */
export function formatDuration(ms: number): string {
  if (ms < 9_950) {
    return `${(Math.max(0, ms) / 1_000).toFixed(1)} s`;
  }
  const seconds = Math.round(ms / 1_000);
  if (seconds < 60) {
    return `${seconds} s`;
  }
  const minutes = Math.floor(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

function startOfDay(time: Date): number {
  return new Date(time.getFullYear(), time.getMonth(), time.getDate()).getTime();
}

const numberFormat = new Intl.NumberFormat("en");

/** `12,345` */
export function formatNumber(value: number): string {
  return numberFormat.format(value);
}

/** `1 message`, `2,000 messages` */
export function countOf(count: number, noun: string, plural: string = `${noun}s`): string {
  return `${formatNumber(count)} ${count === 1 ? noun : plural}`;
}

const byteUnits = ["bytes", "KB", "MB", "GB", "TB"];

/** `512 bytes`, `3.4 MB`: in powers of a thousand. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < byteUnits.length - 1) {
    value /= 1_000;
    unit++;
  }
  const digits = unit > 0 && value < 9.95 ? 1 : 0;
  return `${value.toFixed(digits)} ${byteUnits[unit]}`;
}

/** `0.25`, `7.1`, `1,234`: about three digits, as a reading needs them. */
export function formatReading(value: number): string {
  const size = Math.abs(value);
  const digits = size === 0 || size >= 100 ? 0 : size >= 10 ? 1 : 2;
  return value.toLocaleString("en", { maximumFractionDigits: digits });
}

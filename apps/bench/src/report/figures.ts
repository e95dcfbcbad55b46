/** Writes a figure with three significant digits: "1.23 M", "45.6 k", "7.89". */
export function formatFigure(figure: number): string {
  const size = Math.abs(figure);
  if (size >= 999_500) {
    return `${threeDigits(figure / 1_000_000)} M`;
  }
  return size >= 9_995 ? `${threeDigits(figure / 1_000)} k` : threeDigits(figure);
}

/** Writes a count: "10", "9994", then as figures are. */
export function formatCount(count: number): string {
  return count < 9_995 ? `${count}` : formatFigure(count);
}

/** Writes a part of a whole as percents, never 0 % for something. */
export function formatPart(part: number): string {
  const percent = part * 100;
  return `${percent > 0 && percent < 0.01 ? "<0.01" : threeDigits(percent)} %`;
}

function threeDigits(figure: number): string {
  const rounded = Math.abs(Number(figure.toPrecision(3)));
  const digits = rounded === 0 ? 0 : Math.floor(Math.log10(rounded));
  return figure.toFixed(Math.min(3, Math.max(0, 2 - digits)));
}

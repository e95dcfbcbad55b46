import { stripVTControlCharacters, styleText } from "node:util";

/** A column of {@link formatTable}. */
export interface Column {
  readonly title: string;
  /** Numbers stand right. */
  readonly align?: "left" | "right";
}

/**
 * Lays out rows under their titles, columns two spaces apart. Cells may carry
 * colours; the last column is not padded.
 */
export function formatTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
): string[] {
  const titles = columns.map((column) => column.title);
  const widths = columns.map((_, index) =>
    Math.max(...[titles, ...rows].map((row) => visibleWidth(row[index] ?? ""))),
  );
  const formatRow = (row: readonly string[]) =>
    columns
      .map((column, index) => {
        const cell = row[index] ?? "";
        const padding = " ".repeat((widths[index] ?? 0) - visibleWidth(cell));
        return column.align === "right" ? padding + cell : cell + padding;
      })
      .join("  ")
      .trimEnd();
  return [styleText("bold", formatRow(titles)), ...rows.map(formatRow)];
}

function visibleWidth(text: string): number {
  return [...stripVTControlCharacters(text)].length;
}

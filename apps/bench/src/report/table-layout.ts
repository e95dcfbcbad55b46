/** A column of a {@link Table}. */
export interface Column {
  readonly title: string;
  readonly align: "left" | "right";
}

/** What is written as text or as Markdown. */
export interface Table {
  readonly columns: readonly Column[];
  /** A cell for each column. */
  readonly rows: readonly (readonly string[])[];
}

/** Aligns a table's cells with spaces: a line of titles, then one for each row. */
export function alignTable({ columns, rows }: Table): string[] {
  const lines = [columns.map(({ title }) => title), ...rows];
  const widths = columns.map((_, index) =>
    Math.max(...lines.map((line) => line[index]?.length ?? 0)),
  );
  return lines.map((line) =>
    line
      .map((cell, index) => {
        const width = widths[index] ?? 0;
        return columns[index]?.align === "left" ? cell.padEnd(width) : cell.padStart(width);
      })
      .join("  ")
      .trimEnd(),
  );
}

/** Writes a table as GitHub's Markdown, its columns aligned in the source, too. */
export function formatMarkdownTable({ columns, rows }: Table): string[] {
  const titles = columns.map(({ title }) => escapeMarkdown(title));
  const cells = rows.map((row) => row.map(escapeMarkdown));
  const widths = titles.map((title, index) =>
    Math.max(3, title.length, ...cells.map((row) => row[index]?.length ?? 0)),
  );
  const line = (row: readonly string[]) =>
    `| ${row
      .map((cell, index) => {
        const width = widths[index] ?? 0;
        return columns[index]?.align === "left" ? cell.padEnd(width) : cell.padStart(width);
      })
      .join(" | ")} |`;
  const rules = columns.map(({ align }, index) => {
    const width = widths[index] ?? 0;
    return align === "left" ? "-".repeat(width) : `${"-".repeat(width - 1)}:`;
  });
  return [line(titles), line(rules), ...cells.map(line)];
}

/** Writes text so that Markdown shows it as it is, on one line. */
export function escapeMarkdown(text: string): string {
  return text
    .replaceAll(/\s+/g, " ")
    .replaceAll(/[\\|*`[\]]/g, "\\$&")
    .replaceAll("<", "&lt;");
}

// Far apart from each other, also for those who tell red from green with difficulty.
const hues = [265, 45, 165, 330, 95, 215, 15, 300];

/** The colour of the n-th line of a chart, which shows on light and on dark. */
export function lineColor(index: number): string {
  return `oklch(62% 0.15 ${hues[index % hues.length]})`;
}

/** What a variable of the design is on this element: a canvas knows no variables. */
export function resolveColor(element: Element, variable: string): string {
  const probe = document.createElement("span");
  probe.style.color = `var(${variable})`;
  element.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

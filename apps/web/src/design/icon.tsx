import type { ReactNode } from "react";

// Drawn on a grid of 20, with a pen of 1.6.
const paths = {
  menu: "M3 5.500h14M3 10h14M3 14.500h14",
  search: "M9 15A6 6 0 1 0 9 3a6 6 0 0 0 0 12zM13.500 13.500 17 17",
  close: "M5 5l10 10M15 5 5 15",
  people:
    "M7.500 9.500a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM2 16.500c.4-3 2.600-4.500 5.500-4.500s5.100 1.500 5.500 4.500M13 3.800a3 3 0 0 1 0 5.400M15 12.400c1.700.7 2.700 2.100 3 4.100",
  send: "M3.500 10 3 3.500 17 10 3 16.500 3.500 10zm0 0H10",
  down: "M10 4v12M4.500 10.500 10 16l5.500-5.500",
  chart: "M3 17h14M5.500 13.500v-4M10 13.500v-9M14.500 13.500v-6",
  upload: "M10 13V3.500M6 7.500l4-4 4 4M3.500 13v3.500h13V13",
  sun: "M10 13.500a3.500 3.500 0 1 0 0-7 3.500 3.500 0 0 0 0 7zM10 1.800v1.700M10 16.500v1.700M1.800 10h1.700M16.500 10h1.700M4.200 4.200l1.200 1.200M14.600 14.600l1.200 1.200M4.200 15.800l1.200-1.200M14.600 5.400l1.200-1.200",
  moon: "M16.800 11.600A7 7 0 1 1 8.400 3.200a5.500 5.500 0 0 0 8.400 8.400z",
  alert: "M10 6.500v4.200M10 13.500v.1M10 17.500a7.500 7.500 0 1 0 0-15 7.500 7.500 0 0 0 0 15z",
  plus: "M10 4v12M4 10h12",
  pause: "M7 4.500v11M13 4.500v11",
  play: "M6.500 4.200v11.600L15.800 10z",
  file: "M5 2.500h6.500L15.500 6.500v11H5zM11.500 2.500v4h4",
  check: "M4 10.500l4 4 8-9",
} as const;

export type IconName = keyof typeof paths;

/** A drawing in the colour of the text around it, which says what it means. */
export function Icon({ name, size = 20 }: { name: IconName; size?: number }): ReactNode {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 20 20"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.6"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
    >
      <path d={paths[name]} />
    </svg>
  );
}

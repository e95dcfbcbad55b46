/** The id of a message, by its number in the whole log. */
export function messageId(serial: number): string {
  return `msg_${serial}`;
}

/** How many bytes the id of a message takes, without making it. */
export function messageIdBytes(serial: number): number {
  let digits = 1;
  for (let bound = 10; serial >= bound; bound *= 10) {
    digits += 1;
  }
  return 4 + digits;
}

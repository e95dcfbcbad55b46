/** The id of a message, by its number in the whole log. */
export function messageId(serial: number): string {
  return `msg_${serial}`;
}

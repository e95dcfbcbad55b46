/** The id of the log's n-th message. */
export function messageId(number: number): string {
  return `msg_${number}`;
}

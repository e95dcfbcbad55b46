/**
 * 128 random bits in hexadecimal. Not crypto.randomUUID, which browsers have
 * only on pages that were loaded securely.
 */
export function randomKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

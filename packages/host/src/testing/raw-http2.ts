import { once } from "node:events";
import { connect, type Socket } from "node:net";

/** What an HTTP/2 client sends first, followed by an empty SETTINGS frame. */
export const preface: Buffer = Buffer.concat([
  Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
  Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]),
]);

/** Frame types of https://www.rfc-editor.org/rfc/rfc9113#section-6. */
export const frameType = { settings: 4, ping: 6, goaway: 7 } as const;

/** The types of the frames in these bytes, as far as they are complete. */
export function frameTypes(bytes: Buffer): number[] {
  const types: number[] = [];
  for (let offset = 0; offset + 9 <= bytes.length; ) {
    types.push(bytes.readUInt8(offset + 3));
    offset += 9 + bytes.readUIntBE(offset, 3);
  }
  return types;
}

/** A connection on which nothing happens by itself. */
export async function connectRaw(port: number): Promise<Socket> {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  socket.on("error", () => {});
  await once(socket, "connect");
  return socket;
}

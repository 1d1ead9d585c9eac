// A part of a file piece by piece, for where the engine's writer does not send it.
import { open } from "node:fs/promises";
import { TransportError } from "../base/errors.ts";
import type { FileSlice } from "../message/body.ts";

const PIECE = 65_536;

/** The octets of a slice; the file is closed when whoever reads them stops. @throws what opening it does; TransportError NET_CLOSED. */
export async function* piecesOf({ path, start, end, opener }: FileSlice): AsyncGenerator<Uint8Array> {
  const file = await (opener?.() ?? open(path, "r"));
  try {
    for (let at = start; at < end; ) {
      const piece = Buffer.allocUnsafe(Math.min(PIECE, end - at));
      const { bytesRead } = await file.read(piece, 0, piece.length, at);
      if (bytesRead === 0) throw new TransportError("NET_CLOSED", `${path} is shorter than it was.`);
      yield piece.subarray(0, bytesRead);
      at += bytesRead;
    }
  } finally {
    await file.close();
  }
}

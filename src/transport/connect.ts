// A socket on its way to an address: connected, refused, or given up. The mirror of bind.ts; knows nothing of what is done
// with the connection.
import type { Socket } from "node:net";
import { LocalError, TransportError } from "../base/errors.ts";
import type { Address } from "../base/transport.ts";
import { checkAddress, nameOf } from "./bind.ts";

/** Where node:net is to connect to. Throws USE_BAD_OPTION for what is no address, and for a descriptor. */
export function targetOf(address: Address): { host: string; port: number } | { path: string } {
  checkAddress(address);
  if ("fd" in address) throw new LocalError("USE_BAD_OPTION", "A descriptor is to listen on, not to dial.");
  return address;
}

/**
 * Starts connecting, and resolves when the socket says so by `event`. Else the socket is destroyed, and this rejects:
 * NET_TLS if there was a connection that could not be encrypted, NET_CONNECT for the rest.
 */
export function connected(
  socket: Socket,
  address: Address,
  signal: AbortSignal | undefined,
  event: "connect" | "secureConnect",
  start: () => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let reached: "no" | "yes" = "no";
    const leave = (): void => {
      socket.off(event, done).off("connect", reach);
      signal?.removeEventListener("abort", abort);
    };
    const reach = (): void => void (reached = "yes");
    const done = (): void => {
      leave();
      socket.off("error", fail);
      resolve();
    };
    const fail = (cause: unknown): void => {
      leave(); // and keeps listening for errors: one that comes late must not end the process
      socket.destroy();
      const code =
        reached === "yes" && event === "secureConnect" && signal?.aborted !== true ? "NET_TLS" : "NET_CONNECT";
      reject(new TransportError(code, `(${nameOf(address)})`, { cause }));
    };
    const abort = (): void => fail(signal?.reason);
    socket.on("error", fail).once("connect", reach).once(event, done);
    if (signal?.aborted === true) return abort();
    signal?.addEventListener("abort", abort, { once: true });
    start();
  });
}

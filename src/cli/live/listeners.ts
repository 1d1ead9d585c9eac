// Servers that the module opens itself, beside the one that the command serves it with. Node tells of each server that listens.
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { AddressInfo, Server } from "node:net";

const LISTENING = "tracing:net.server.listen:asyncEnd";

export interface Listeners {
  /** From now on others are told of, those too that listen already. What listens here is the command's. */
  exceptFor(host: string, port: number): void;
  close(): void;
}

/**
 * Hears of each server that begins to listen from now on.
 *
 * @param told of an address, `127.0.0.1:3000`; once for each time that it is listened on. Sockets of Unix are not told of.
 */
export function watchListeners(told: (where: string) => void): Listeners {
  let ours: string | undefined;
  const waiting: string[] = [];
  const tell = (where: string): void => {
    if (where !== ours) told(where);
  };
  const heard = (message: unknown): void => {
    const address = (message as { readonly server?: Server }).server?.address();
    if (address === null || typeof address !== "object") return;
    if (ours === undefined) waiting.push(placed(address));
    else tell(placed(address));
  };
  subscribe(LISTENING, heard);
  return {
    exceptFor: (host, port) => {
      ours = placed({ address: host, port });
      for (const where of waiting.splice(0)) tell(where);
    },
    close: () => void unsubscribe(LISTENING, heard),
  };
}

function placed({ address, port }: Pick<AddressInfo, "address" | "port">): string {
  return `${address.includes(":") ? `[${address}]` : address}:${port}`;
}

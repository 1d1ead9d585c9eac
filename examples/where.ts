// Where a server listens, as a URL to click on: what the examples print.
import type { Server } from "portico";

export function where(server: Server, scheme: "http" | "https" = "http"): string {
  const address = server.listeners[0]?.address;
  if (address === undefined || !("port" in address)) throw new Error("It does not listen on a port.");
  return `${scheme}://${address.host}:${address.port}/`;
}

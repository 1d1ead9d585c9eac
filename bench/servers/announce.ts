// What every server of the bench says and hears: one JSON line with its port when it listens, and on its input "gc" for a
// full collection (answered by another line) and the end, on which it leaves. Whoever started it owns its life.
import type { Behaviour } from "./content.ts";

/** The behaviour named on the command line; a wrong one ends the process before anything listens. */
export function behaviourAsked(): Behaviour {
  const asked = process.argv[2];
  switch (asked) {
    case "hello":
    case "pipelined":
    case "users":
    case "echo":
    case "static":
    case "upload":
    case "upload-iterated":
    case "download":
    case "tls":
      return asked;
    default:
      throw new Error(`No such behaviour: ${String(asked)}`);
  }
}

/**
 * Tells the port, then serves the commands of the bench until its end of the pipe closes.
 *
 * @param pid of the process that serves, where it is another than this one.
 */
export function announce(port: number, pid: number = process.pid): void {
  process.stdout.write(`${JSON.stringify({ port, pid })}\n`);
  process.stdin.on("data", (line: Buffer) => {
    if (line.toString().includes("gc")) collect();
  });
  process.stdin.on("end", () => process.exit(0));
}

/** Twice with a pause: finalizers of the first pass free what only the second finds. */
function collect(): void {
  globalThis.gc?.();
  setTimeout(() => {
    globalThis.gc?.();
    process.stdout.write(`${JSON.stringify({ collected: globalThis.gc !== undefined })}\n`);
  }, 200);
}

/** The port of a listening net.Server, whose address is a string for a unix socket only. */
export function portOf(address: string | { readonly port: number } | null): number {
  if (address === null || typeof address === "string") throw new Error("Not listening on a port");
  return address.port;
}

// A server of the bench as a running process: started for a behaviour, checked by one real request, and asked about itself.

import { connect, type Socket } from "node:net";
import { connect as connectSecurely } from "node:tls";
import { Child } from "./child.ts";
import { serverFile } from "./peers.ts";
import { residentBytes } from "./process-stat.ts";
import type { Probe, ServerName, Workload } from "./workload.ts";

const HEAD_END = "\r\n\r\n";
const PROBE_MS = 10_000;

export interface RunningServer {
  readonly name: ServerName;
  readonly port: number;
  readonly child: Child;
  /** Of the process that serves. */
  readonly pid: number;
}

/** Runs the program of a server; `flags` are Node's own. It is stopped again if it does not come up. */
export async function startServer(
  name: ServerName,
  workload: Workload,
  node: string,
  flags: readonly string[] = [],
): Promise<RunningServer> {
  const command = [node, ...flags, serverFile(name), workload.behaviour];
  const child = new Child("server", command, { environment: workload.environment ?? {}, patience: 20_000 });
  try {
    const { port, pid } = await child.next();
    if (typeof port !== "number" || typeof pid !== "number") throw new Error("It gave no port");
    return { name, child, port, pid };
  } catch (error) {
    await child.stop();
    throw error;
  }
}

/** Memory after a full collection; only of a server that was started with --expose-gc. */
export async function collectedBytes(server: RunningServer): Promise<number> {
  server.child.tell("gc");
  const { collected } = await server.child.next();
  if (collected !== true) throw new Error("It cannot collect");
  const bytes = residentBytes(server.pid);
  if (bytes === undefined) throw new Error("There is no /proc to read memory from");
  return bytes;
}

/** Sends the probe and compares every answer; throws what is wrong, so that a wrong server is never measured. */
export async function check(server: RunningServer, workload: Workload): Promise<void> {
  const { probe } = workload;
  const text = await exchange(server.port, workload);
  let at = 0;
  for (let count = 0; count < probe.answers; count++) at = checkAnswer(text, at, probe);
}

function checkAnswer(text: string, start: number, probe: Probe): number {
  const headEnd = text.indexOf(HEAD_END, start);
  const head = text.slice(start, headEnd).toLowerCase();
  if (headEnd < 0 || !head.startsWith("http/1.1 200"))
    throw new Error(`Wrong answer: ${text.slice(start, start + 80)}`);
  const length = Number(/^content-length: *(\d+)\r?$/m.exec(head)?.[1] ?? "NaN");
  const bodyStart = headEnd + HEAD_END.length;
  const type = probe.type.split(";")[0] ?? "";
  if (!head.includes(`content-type: ${type}`)) throw new Error(`Wrong type: ${head}`);
  if (!/^date: /m.test(head)) throw new Error("No Date");
  if (length !== probe.body.length) throw new Error(`Content-Length ${length}, not ${probe.body.length}`);
  if (typeof probe.body === "string" && text.slice(bodyStart, bodyStart + length) !== probe.body) {
    throw new Error(`Wrong body: ${text.slice(bodyStart, bodyStart + length)}`);
  }
  return bodyStart + length;
}

/** The whole answer as Latin-1; of a body that is told by its length only, no more than the head is waited for. */
function exchange(port: number, workload: Workload): Promise<string> {
  const { probe } = workload;
  const body = typeof probe.body === "string" ? probe.body : "";
  return new Promise((resolve, reject) => {
    const socket = open(port, workload.behaviour === "tls");
    let text = "";
    socket.setEncoding("latin1");
    socket.setTimeout(PROBE_MS, () => socket.destroy(new Error("No answer to the probe")));
    socket.on("error", reject);
    socket.on("close", () => resolve(text));
    socket.on("data", (chunk: string) => {
      text += chunk;
      const seen = text.split(HEAD_END).length - 1;
      const complete = text.endsWith(body) || typeof probe.body !== "string";
      if (seen >= probe.answers && complete) socket.destroy();
    });
    socket.write(probe.bytes, "latin1");
  });
}

function open(port: number, secure: boolean): Socket {
  const where = { host: "127.0.0.1", port };
  // The certificate of the bench is nobody's: servers/certificate.ts.
  return secure ? connectSecurely({ ...where, rejectUnauthorized: false }) : connect(where);
}

// The other end of a control socket: one request, one answer, and a limit to both.
import http from "node:http";
import { Complaint, type Io } from "../command.ts";
import type { ServerLine } from "./control.ts";
import { type Found, findAll, withdraw } from "./folder.ts";

/** Nobody answers there any more. */
export class Gone extends Error {
  override readonly name: string = "Gone";
}

const ANSWER_BYTES = 16_777_216;

/**
 * Asks a server over its socket.
 *
 * @param patience milliseconds.
 * @param signal lets go of it.
 * @throws Gone; Complaint with what the server says against it.
 */
export function ask<T>(found: Found, what: string, body?: object, patience = 5000, signal?: AbortSignal): Promise<T> {
  const [method = "GET", path = "/"] = what.split(" ");
  return new Promise((resolve, reject) => {
    const options = { socketPath: found.socket, method, path, timeout: patience, agent: false, signal };
    const request = http.request(options, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (piece: string) => {
        text += piece;
        if (text.length > ANSWER_BYTES) request.destroy(new Complaint(`${found.port}: its answer is too long`));
      });
      response.on("error", reject);
      response.on("end", () => {
        if (response.statusCode === 200) resolve(JSON.parse(text) as T);
        else reject(new Complaint(`${found.port}: ${text.trim().split("\n").at(-1)}`));
      });
    });
    request.on("timeout", () => request.destroy(new Complaint(`${found.port}: it does not answer`)));
    request.on("error", (error: NodeJS.ErrnoException) => {
      const gone = error.code === "ECONNREFUSED" || error.code === "ENOENT";
      reject(gone ? new Gone(`${found.port}`) : error instanceof Complaint ? error : lost(found, error));
    });
    request.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

/**
 * Listens to a server that says a line of JSON now and then.
 *
 * @param told must not throw.
 * @returns what stops it. That the server has gone is for the next question to find.
 */
export function follow<T>(found: Found, path: string, told: (line: T) => void): () => void {
  const request = http.get({ socketPath: found.socket, path, agent: false }, (response) => {
    if (response.statusCode !== 200) return void request.destroy();
    let text = "";
    response.setEncoding("utf8");
    response.on("error", () => {});
    response.on("data", (piece: string) => {
      const lines = (text + piece).split("\n");
      text = lines.pop() as string;
      for (const line of lines) told(JSON.parse(line) as T);
      if (text.length > ANSWER_BYTES) request.destroy();
    });
  });
  request.on("error", () => {});
  return () => request.destroy();
}

function lost(found: Found, error: Error): Complaint {
  return new Complaint(`${found.port}: ${error.message}`, { cause: error });
}

export interface Running extends Found {
  /** Null where it does not answer. */
  readonly line: ServerLine | null;
}

/** All that run. What dead processes have left behind is removed. */
export async function running(env: Io["env"]): Promise<readonly Running[]> {
  const all = await Promise.all(
    (await findAll(env)).map(async (found): Promise<Running | null> => {
      try {
        return { ...found, line: await ask<ServerLine>(found, "GET /server", undefined, 2000) };
      } catch (error) {
        if (!(error instanceof Gone)) return { ...found, line: null };
        await withdraw(found);
        return null;
      }
    }),
  );
  return all.filter((each) => each !== null);
}

/** The one server on a port; without a port the only one there is. @throws Complaint. */
export async function theOne(port: number | undefined, env: Io["env"]): Promise<Running> {
  const all = await running(env);
  const [first, second] = port === undefined ? all : all.filter((each) => each.port === port);
  if (first === undefined)
    throw new Complaint(port === undefined ? "no server is running" : `no server on port ${port}`);
  if (second === undefined) return first;
  const ports = all.map((each) => each.port).join(", ");
  throw new Complaint(port === undefined ? `several are running; say which: ${ports}` : `several on port ${port}`);
}

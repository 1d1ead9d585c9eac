// `portico serve [dir]`: the files of a directory, until somebody asks it to end.
import { stat } from "node:fs/promises";
import { LocalError, TransportError } from "../../base/errors.ts";
import type { Address } from "../../base/transport.ts";
import { files } from "../../handlers/files.ts";
import { createServer, type Server } from "../../server/server.ts";
import { accessLine, failureLine } from "../access-line.ts";
import { type Command, Complaint, type Io, Misuse, type Values } from "../command.ts";
import { paintFor } from "../paint.ts";

export const serve: Command = {
  name: "serve",
  summary: "serve the files of a directory",
  argument: { name: "[dir]", summary: "the directory; where left out, the one you are in" },
  options: [
    { flags: "--host <address>", summary: "listen here; 127.0.0.1, or $HOST" },
    { flags: "--port <number>", summary: "listen on this port, 0 for any free one; 8000, or $PORT" },
    { flags: "--listing", summary: "show directories without an index.html as a list; so unless told otherwise" },
    { flags: "--no-listing", summary: "do not" },
    { flags: "--quiet", summary: "no line for each request" },
  ],
  notes: "Ctrl-C finishes what is in hand and ends; a second one ends at once.",
  run: async ({ argument, values }, io) => {
    const folder = argument ?? ".";
    const address = { host: hostOf(values, io.env), port: portOf(values, io.env) };
    await mustBeDirectory(folder);
    const server = serverFor(folder, values, io);
    await listenOn(server, address);
    io.stdout.write(`Serving ${folder} on ${paintFor(io.stdout, io.env)("1;36", urlOf(server))}\n`);
    return untilAsked(server, io);
  },
};

function hostOf(values: Values, env: Io["env"]): string {
  return given(values["host"]) ?? given(env["HOST"]) ?? "127.0.0.1";
}

function portOf(values: Values, env: Io["env"]): number {
  const flag = values["port"];
  const text = flag === undefined ? (given(env["PORT"]) ?? "8000") : String(flag);
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (port <= 65_535) return port;
  throw new Misuse(`${flag === undefined ? "PORT" : "--port"} is a number from 0 to 65535, not "${text}"`);
}

/** An empty variable of the environment says nothing. */
function given(value: string | boolean | undefined): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

async function mustBeDirectory(folder: string): Promise<void> {
  let found: "directory" | "file";
  try {
    found = (await stat(folder)).isDirectory() ? "directory" : "file";
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
    throw new Complaint(`${folder}: ${missing ? "there is no such directory" : "it cannot be read"}`, { cause: error });
  }
  if (found === "file") throw new Complaint(`${folder}: it is not a directory`);
}

function serverFor(folder: string, values: Values, io: Io): Server {
  const paint = paintFor(io.stdout, io.env);
  const handler = files(folder, { listing: values["listing"] !== false });
  return createServer(handler, {
    hooks: {
      error: (error, request) => {
        const line = failureLine(error, request);
        if (line !== null) io.stderr.write(line);
      },
      ...(values["quiet"] !== true && {
        reply: (request, info) => void io.stdout.write(accessLine(request, info, paint)),
      }),
    },
  });
}

async function listenOn(server: Server, address: { readonly host: string; readonly port: number }): Promise<void> {
  try {
    await server.listen(address);
  } catch (error) {
    if (!(error instanceof TransportError || error instanceof LocalError)) throw error;
    const where = `${bracketed(address.host)}:${address.port}`;
    throw new Complaint(
      error.code === "NET_ADDRESS_IN_USE"
        ? `${where} is taken by another program; choose another with --port`
        : `cannot listen on ${where}: ${systemReason(error)}`,
      { cause: error },
    );
  }
}

function systemReason(error: Error): string {
  const { code } = (error.cause ?? {}) as NodeJS.ErrnoException;
  return code === "EACCES" ? "permission denied" : (code ?? error.message);
}

function urlOf(server: Server): string {
  const address = server.listeners[0]?.address as Extract<Address, { host: string }>;
  return `http://${bracketed(address.host)}:${address.port}/`;
}

function bracketed(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}

/** Drains at the first signal, cuts at the second. */
async function untilAsked(server: Server, io: Io): Promise<number> {
  let stop = (): void => {};
  await new Promise<void>((resolve, reject) => {
    let asked = false;
    stop = io.signals.watch(() => {
      const busy = [...server.connections].filter((connection) => connection.phase !== "idle").length;
      if (!asked && busy > 0) io.stdout.write(`Finishing ${busy} in hand; ask again to cut off\n`);
      server.close({ mode: asked ? "abort" : "drain" }).then(() => resolve(), reject);
      asked = true;
    });
  });
  stop();
  return 0;
}

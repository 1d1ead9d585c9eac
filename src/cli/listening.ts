// What commands that serve have in common: where they listen, what they print of requests, and how they come to an end.
import { LocalError, TransportError } from "../base/errors.ts";
import type { Address } from "../base/transport.ts";
import type { Request } from "../message/request.ts";
import type { Server } from "../server/server.ts";
import type { CloseReport } from "../server/shutdown.ts";
import { accessLine, failureLine } from "./access-line.ts";
import { Complaint, type Io, Misuse, type Option, type Values } from "./command.ts";
import { type Controls, openControl } from "./control/control.ts";
import type { Find } from "./live/failure.ts";
import type { LiveHooks } from "./live/live.ts";
import { paintFor } from "./paint.ts";

export const ADDRESS_OPTIONS: readonly Option[] = [
  { flags: "--host <address>", summary: "listen here, * for everywhere; 127.0.0.1, or $HOST" },
  { flags: "--port <number>", summary: "listen on this port, 0 for any free one; 8000, or $PORT" },
];

export interface Place {
  readonly host: string;
  readonly port: number;
}

/** A place as somebody wants it, and how: by options and the environment, or in an answer to a question. */
export interface WantedPlace extends Place {
  readonly by: "option" | "answer";
}

/** The name of the value that says that the others are answers. */
export const ANSWERED = "answered";

/** What was typed, else the environment, else 127.0.0.1:8000. @throws Misuse. */
export function placeOf(values: Values, env: Io["env"]): WantedPlace {
  const by = values[ANSWERED] === true ? "answer" : "option";
  return { host: hostOf(values, env), port: portOf(values, env), by };
}

/** As people say it: localhost is this machine, a star all addresses of IPv4. */
function hostOf(values: Values, env: Io["env"]): string {
  const host = given(values["host"]) ?? given(env["HOST"]) ?? "127.0.0.1";
  return host === "*" ? "0.0.0.0" : host === "localhost" ? "127.0.0.1" : host;
}

function portOf(values: Values, env: Io["env"]): number {
  const flag = values["port"];
  const text = flag === undefined ? (given(env["PORT"]) ?? "8000") : String(flag);
  return portFrom(text, flag === undefined ? "PORT" : "--port");
}

/** @throws Misuse. */
export function portFrom(text: string, name: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (port <= 65_535) return port;
  throw new Misuse(`${name} is a number from 0 to 65535, not "${text}"`);
}

/** An empty variable of the environment says nothing. */
function given(value: string | boolean | undefined): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** Hooks of a server, or of a module: then an error comes with what finds its place in the program. */
export interface Printing extends LiveHooks {
  readonly error: (error: unknown, request: Request | undefined, find?: Find) => void;
}

/** Prints a line for each request that was answered, unless told to be quiet, and for each that failed. */
export function printing(io: Io, values: Values): Printing {
  const paint = paintFor(io.stdout, io.env);
  const paintError = paintFor(io.stderr, io.env);
  return {
    error: (error, request, find) => {
      const line = failureLine(error, request, find, paintError);
      if (line !== null) io.stderr.write(line);
    },
    reply: (request, info) => {
      if (values["quiet"] !== true) io.stdout.write(accessLine(request, info, paint));
    },
  };
}

/** @throws Complaint. */
export async function listenOn(server: Server, { host, port, by }: WantedPlace): Promise<void> {
  try {
    await server.listen({ host, port });
  } catch (error) {
    if (!(error instanceof TransportError || error instanceof LocalError)) throw error;
    const where = `${bracketed(host)}:${port}`;
    throw new Complaint(
      error.code === "NET_ADDRESS_IN_USE"
        ? `${where} is taken by another program; choose another${by === "option" ? " with --port" : ""}`
        : `cannot listen on ${where}: ${systemReason(error)}`,
      { cause: error },
    );
  }
}

function systemReason(error: Error): string {
  const { code } = (error.cause ?? {}) as NodeJS.ErrnoException;
  return code === "EACCES" ? "permission denied" : (code ?? error.message);
}

export function addressOf(server: Server): Place {
  return server.listeners[0]?.address as Extract<Address, { host: string }>;
}

function bracketed(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}

/**
 * Stays until somebody asks it to end: drains at the first signal, cuts at the second. Until then it can be asked for and
 * stopped over its control socket.
 */
export async function untilAsked(server: Server, io: Io, controls: Omit<Controls, "server" | "stop">): Promise<number> {
  let ended = (): void => {};
  let failed = (_: unknown): void => {};
  const end = new Promise<void>((resolve, reject) => {
    ended = resolve;
    failed = reject;
  });
  const close = (options: { mode: "drain" | "abort"; deadline?: number }): Promise<CloseReport> => {
    const closing = server.close(options);
    closing.then(ended, failed);
    return closing;
  };
  let asked = false;
  const unwatch = io.signals.watch(() => {
    const busy = [...server.connections].filter((connection) => connection.phase !== "idle").length;
    if (!asked && busy > 0) io.stdout.write(`Finishing ${busy} in hand; ask again to cut off\n`);
    void close({ mode: asked ? "abort" : "drain" });
    asked = true;
  });
  const { port } = addressOf(server);
  const warn = (text: string): void => void io.stderr.write(`portico: ${text}\n`);
  const control = await openControl({ ...controls, server, stop: close }, { env: io.env, port, warn });
  try {
    await end;
  } finally {
    unwatch();
    await control.close();
  }
  return 0;
}

// The other side of workers.ts: a thread that serves the connections that it is handed, with the handler of a module.
import type { MessagePort } from "node:worker_threads";
import { asError, HttpError, LocalError } from "../base/errors.ts";
import type { Peer } from "../base/transport.ts";
import type { Handler } from "../message/handler.ts";
import type { Reply } from "../message/reply.ts";
import type { Request } from "../message/request.ts";
import { tellFailure } from "../server/failures.ts";
import type { Configuration } from "../server/options.ts";
import { Server } from "../server/server.ts";
import { PortTransport } from "../transport/port.ts";
import { noSubject, type Subject, subjectOf } from "./subject.ts";

/** What a thread is to serve. */
export interface ThreadSubject {
  readonly module: string;
  readonly name: string;
  readonly server: Configuration;
}

/** What a thread is started with: also a line to the pool, which is no port that the module knows. */
export interface ThreadData extends ThreadSubject {
  readonly pool: MessagePort;
}

/** A connection, and who it is from. */
export interface ToThread {
  readonly id: number;
  readonly port: MessagePort;
  readonly peer: Peer;
}

/** The module is loaded, or cannot be used; a connection is over, and the thread has time again. */
export type FromThread = { readonly ready: true } | { readonly failed: Error } | { readonly free: number };

/** Loads the module, and serves what comes. */
export async function serveThread(pool: MessagePort, { module, name, server }: ThreadSubject): Promise<void> {
  let subject: Subject | undefined;
  try {
    const namespace = (await import(module)) as Readonly<Record<string, unknown>>;
    subject = subjectOf(namespace[name]);
    if (subject === undefined) throw new LocalError("USE_BAD_OPTION", `${module}: ${noSubject(namespace, name)}`);
  } catch (cause) {
    const failed = new Error(`The module of workers() cannot be used: ${asError(cause).message}`);
    failed.stack = asError(cause).stack ?? "";
    const told: FromThread = { failed };
    return pool.postMessage(told);
  }
  const { signals: _, ref: __, ...options } = subject.options;
  const ends = new WeakMap<Peer, PortTransport>();
  const serving = new Server(failing(subject.handler, ends), {
    ...server,
    ...options,
    hooks: {
      // What cuts the connection goes over there, and is reported there; which it does is known when this returns.
      error: (error, request) => {
        queueMicrotask(() => {
          const cut = request === undefined ? undefined : ends.get(request.peer)?.error;
          if (cut === undefined || (cut !== error && cut.cause !== error)) tellFailure(error, request);
        });
      },
      ...options.hooks,
    },
    date: false, // whoever sends the reply on has a clock
    leniency: { ...options.leniency, requireHost: false },
  });
  pool.on("message", ({ id, port, peer }: ToThread) => {
    port.on("close", () => pool.postMessage({ free: id } satisfies FromThread));
    const end = new PortTransport(port, peer);
    ends.set(peer, end);
    serving.accept(end);
  });
  pool.postMessage({ ready: true } satisfies FromThread);
}

/** What a handler throws goes to the thread that asked, which answers and reports it as if it had been thrown there. */
function failing(handler: Handler, ends: WeakMap<Peer, PortTransport>): Handler {
  const failed = (thrown: unknown, request: Request): never => {
    if (thrown instanceof HttpError) throw thrown;
    const error = asError(thrown);
    ends.get(request.peer)?.destroy(error);
    throw error;
  };
  return (request) => {
    let answer: Reply | Promise<Reply>;
    try {
      answer = handler(request);
    } catch (error) {
      return failed(error, request);
    }
    return answer instanceof Promise ? answer.catch((error: unknown) => failed(error, request)) : answer;
  };
}

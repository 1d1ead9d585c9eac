// What a module exports as something that answers requests: an app, an object with a handler or with fetch, or a function.

import { type Answer, answering } from "../message/answer.ts";
import type { Handler } from "../message/handler.ts";
import { authority, type Request } from "../message/request.ts";
import type { AppOptions } from "./app.ts";

export interface Subject {
  readonly handler: Handler;
  /** What was exported. */
  readonly exported: unknown;
  /** What an app was made with. */
  readonly options: AppOptions;
  readonly routes: () => readonly { readonly pattern: string }[];
}

type Answering = (request: Request) => Answer | Promise<Answer>;

/** What answers, of what a module exports; undefined where it does not. */
export function subjectOf(exported: unknown): Subject | undefined {
  const found = typeof exported === "function" ? { handler: answering(exported as Answering) } : ofObject(exported);
  return found === undefined ? undefined : { exported, options: {}, routes: () => [], ...found };
}

/** Why a module has no subject under this name, and what to do. */
export function noSubject(namespace: Readonly<Record<string, unknown>>, name: string): string {
  const what = name === "default" ? "default export" : `export named ${name}`;
  const others = Object.keys(namespace).filter((each) => each !== name);
  const missing = namespace[name] === undefined;
  const hint = missing && others.length > 0 ? `; it exports ${others.join(", ")}` : "";
  const problem = missing ? "has no" : "has nothing that answers requests as its";
  return `It ${problem} ${what}${hint}. Export an app, a function of the request, or an object with fetch().`;
}

function ofObject(exported: unknown): Pick<Subject, "handler"> | undefined {
  if (typeof exported !== "object" || exported === null) return undefined;
  const shape = exported as { handler?: unknown; fetch?: unknown; appOptions?: unknown; routes?: unknown };
  if (typeof shape.handler === "function") {
    // Asked for each time: an app gets another handler when middleware is added.
    const handler = answering((request) => (shape.handler as Answering)(request));
    if (typeof shape.appOptions !== "object" || shape.appOptions === null) return { handler };
    return { handler, options: shape.appOptions, routes: () => shape.routes } as Pick<Subject, "handler">;
  }
  if (typeof shape.fetch !== "function") return undefined;
  return { handler: answering((request) => (shape.fetch as (request: object) => Answer)(webRequest(request))) };
}

/** The request as `fetch` knows it. */
function webRequest(request: Request): object {
  const { host, port } = authority(request);
  const where = port === undefined ? host : `${host}:${port}`;
  const { method, body } = request;
  const bodyless = method === "GET" || method === "HEAD" || body.length === 0;
  const scheme = request.peer.secure ? "https" : "http";
  return new globalThis.Request(new URL(request.target, `${scheme}://${where || "localhost"}`), {
    method,
    headers: [...request.headers],
    signal: request.signal,
    ...(bodyless ? {} : { body: ReadableStream.from(body), duplex: "half" }),
  } as RequestInit);
}

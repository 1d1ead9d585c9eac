// What a module exports as something that answers requests: an app, an object with a handler or with fetch, or a function.

import { HttpError } from "../base/errors.ts";
import { type Answer, answering } from "../message/answer.ts";
import type { Handler } from "../message/handler.ts";
import type { Inbound } from "../message/inbound.ts";
import { authority, queryText, type Request } from "../message/request.ts";
import type { ServerOptions } from "../server/server.ts";
import { type AppOptions, serverOptionsOf } from "./app-options.ts";

export interface Subject {
  readonly handler: Handler;
  /** What was exported. */
  readonly exported: unknown;
  /** What the server of an app was told when it was made. */
  readonly options: ServerOptions;
  readonly routes: () => readonly { readonly pattern: string }[];
}

type Answering = (request: Request) => Answer | Promise<Answer>;
type Fetching = (request: object, info: object) => Answer | Promise<Answer>;

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
    const options = serverOptionsOf(shape.appOptions as AppOptions);
    return { handler, options, routes: () => shape.routes } as Pick<Subject, "handler">;
  }
  if (typeof shape.fetch !== "function") return undefined;
  return { handler: answering((request) => (shape.fetch as Fetching)(webRequest(request), infoOf(request))) };
}

/** Who it is from, as Deno tells it. */
function infoOf({ peer: { address, port } }: Request): object {
  return { remoteAddr: { transport: "tcp", hostname: address, port } };
}

/**
 * The request as `fetch` knows it.
 *
 * @throws HttpError 400, 501 where that would be another request than the one that was judged on its way here.
 */
function webRequest(request: Request): object {
  const { method, body } = request;
  // These it does not know at all; of others it changes the case, and a method in small letters is another one (RFC 9110 §9.1).
  if (/^(?:CONNECT|TRACE|TRACK)$/i.test(method)) throw new HttpError(501);
  const url = urlOf(request);
  const bodyless = method === "GET" || method === "HEAD" || body.length === 0;
  const made = new globalThis.Request(url, {
    method,
    headers: [...request.headers].map(([name, value]) => [name, name.toLowerCase() === "host" ? url.host : value]),
    signal: request.signal,
    ...(bodyless ? {} : { body: streamOf(body), duplex: "half" }),
  } as RequestInit);
  if (made.method !== method) throw new HttpError(501);
  return made;
}

/**
 * The target URI (RFC 9112 §3.3), put together of what every guard has seen: resolved against a base, `//evil.example/` would be another
 * host, and `/a\\..\\b` another path.
 */
function urlOf(request: Request): URL {
  const { host, port } = authority(request);
  const query = queryText(request);
  const where = `${host || "localhost"}${port === undefined ? "" : `:${port}`}`;
  const text = `${request.peer.secure ? "https" : "http"}://${where}${request.path}${query === undefined ? "" : `?${query}`}`;
  // What is a name for HTTP may be none for a URL, or another spelling of an address: 127.1, ex%61mple.
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !(host === "" || host.startsWith("[") || url.hostname === host.toLowerCase())) {
    throw new HttpError(400, "The host is none that a URL can have.");
  }
  return url;
}

/** A body that is begun when it is first read: to ask for it is what sends 100 Continue. */
function streamOf(body: Inbound): ReadableStream<Uint8Array> {
  let pieces: AsyncIterator<Uint8Array> | null = null;
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        pieces ??= body[Symbol.asyncIterator]();
        const { done, value } = await pieces.next();
        if (done === true) controller.close();
        else controller.enqueue(value);
      },
      cancel: () => body.cancel(),
    },
    { highWaterMark: 0 },
  );
}

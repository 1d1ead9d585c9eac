// The server that the transcripts talk to: a handful of paths, each for one thing a server does, and its settings as the
// transcripts write them.
import { setImmediate as turn } from "node:timers/promises";
import { type Subject, subjectOf } from "../../src/app/subject.ts";
import { HttpError } from "../../src/base/errors.ts";
import { parameters } from "../../src/content/parameters.ts";
import { form, parse } from "../../src/content/parsers.ts";
import { toReply } from "../../src/message/answer.ts";
import type { Take } from "../../src/message/body.ts";
import { Fields } from "../../src/message/fields.ts";
import { imperative } from "../../src/message/imperative.ts";
import { Pipe } from "../../src/message/pipe.ts";
import { empty, json, type Reply, reply, text, tunnel, upgrade } from "../../src/message/reply.ts";
import { authority, inform, type Request } from "../../src/message/request.ts";
import type { ServerOptions } from "../../src/server/options.ts";
import { type Loopback, loopback } from "../../src/testing/index.ts";
import { publishing } from "./publishing.ts";
import { READING } from "./reading.ts";

type Answer = (request: Request, bench: Loopback) => Reply | Promise<Reply>;

const written = imperative((_, response) => {
  response.start(200, { "Content-Type": "text/plain" });
  response.write("one");
  response.write("");
  response.end("t\u00fc");
});

/** What a module with fetch() is asked for, and with which body. */
const fetching = subjectOf({
  fetch: async ({ url, body }: { readonly url: string; readonly body: ReadableStream | null }) =>
    body === null ? url : `${url} ${await new globalThis.Response(body).text()}`,
}) as Subject;

const PATHS: Readonly<Record<string, Answer>> = {
  ...READING,
  "/": () => text("hello"),
  "/tail": () => text("tail"),
  "/echo": async (request) => reply(200, {}, await request.body.bytes()),
  "/relay": (request) => reply(200, {}, request.body),
  "/parse": async (request) => text(JSON.stringify(await parse(request)) ?? "undefined"),
  "/json": async ({ body }) => text(JSON.stringify(await body.json()) ?? "undefined"),
  "/parameters": async (request) => json(await parameters(request)),
  "/form": async (request) => json(await form(request)),
  "/forgotten": ({ body }) => json({ x: body.json() }),
  "/small": async (request) => text(await request.body.text(10)),
  "/unread": () => text("unread"),
  "/later": async (request) => {
    await turn();
    return reply(200, {}, await request.body.bytes());
  },
  "/slow": (_, { clock }) => new Promise((resolve) => clock.after(1000, () => resolve(text("slow")))),
  "/never": () => new Promise(() => {}),
  "/obeys": ({ signal }) =>
    new Promise((_, reject) => {
      const stop = (): void => reject(signal.reason as Error);
      if (signal.aborted) stop();
      else signal.addEventListener("abort", stop);
    }),
  "/signal": ({ signal }, { clock }) => {
    const told = (): Reply => text((signal.reason as { code: string } | undefined)?.code ?? "quiet");
    return new Promise((resolve) => clock.after(1000, () => resolve(told())));
  },
  "/events": () => reply(200, { "Content-Type": "text/event-stream" }, events()),
  "/stream": () => reply(200, {}, pieces()),
  "/broken": () => reply(200, {}, broken()),
  "/trailers": () => reply(200, {}, pieces(), { trailers: () => new Fields({ Digest: "x" }) }),
  "/written": (request) => written(request),
  "/hints": (request) => {
    inform(request, 103, { Link: "</a.css>" });
    inform(request, 102);
    return text("hello");
  },
  "/none": () => empty(),
  "/reset": () => empty(205),
  "/unchanged": () => reply(304, { ETag: '"a"' }),
  "/close": () => reply(200, { Connection: "close" }, "bye"),
  "/date": () => reply(200, { Date: "Sat, 01 Aug 2009 00:00:01 GMT" }, "own"),
  "/odd": () => reply(299, {}, "odd"),
  "/head-alone": ({ method }) => (method === "HEAD" ? reply(200, { ETag: '"a"' }) : text("hello")),
  "/head-of-length": ({ method }) => (method === "HEAD" ? reply(200, { "Content-Length": "5" }) : text("hello")),
  "/nothing": () => reply(200),
  "/none-of-length": ({ query }) => reply(Number(query.get("status")), { "Content-Length": query.get("length") ?? "" }),
  "/upstream": ({ query }) =>
    toReply(
      new globalThis.Response(query.has("none") ? null : "hello", {
        ...UPSTREAM,
        status: query.has("none") ? 204 : 200,
      }),
    ),
  "/fails-first": () => reply(200, { "X-Of": "body" }, failing()),
  "/fails-at-once": () => reply(200, {}, failedPipe()),
  "/fails-started": (request) => started(request),
  "/silent": (_, bench) => reply(200, {}, silent(bench)),
  "/silent-events": (_, bench) => reply(200, { "Content-Type": "text/event-stream" }, silent(bench)),
  "/length-first": () => reply(200, { "Content-Length": "2" }, pieces()),
  "/misset": () => {
    throw Object.defineProperty(new HttpError(404), "status", { value: 1000 });
  },
  "/proxy": () => {
    throw new Proxy({}, TRAPS);
  },
  "/reason-object": () => reply(200, {}, "never", { reason: { toString: () => "OK\r\nX-Evil: 1" } as never }),
  "/written-to": () => {
    (CONSTANT.headers as Fields).add("Set-Cookie", "a=b");
    return CONSTANT;
  },
  "/throws": () => {
    throw new Error("secret");
  },
  "/refuses": () => {
    throw new HttpError(403, "Not for you.");
  },
  "/split": ({ query }) => reply(200, { "X-Name": query.get("name") ?? "" }, "never"),
  "/reason": ({ query }) => reply(200, {}, "never", { reason: query.get("name") ?? "" }),
  "/where": (request) => text(`${request.target} ${request.path} ${authority(request).host}`),
  "/fetch": (request) => fetching.handler(request),
  "/switch": () => upgrade("tea", greet),
};

const CONSTANT = text("constant");

/** What another server said of its connection, and named in it. */
const UPSTREAM = {
  headers: {
    Connection: "close, X-Hop, Content-Language",
    "X-Hop": "1",
    "Content-Language": "en",
    "Keep-Alive": "timeout=5",
    "Content-Type": "text/plain",
    "X-End": "2",
  },
};

const TRAPS: ProxyHandler<object> = Object.fromEntries(
  Object.getOwnPropertyNames(Reflect).map((name) => [
    name,
    () => {
      throw new Error("a trap");
    },
  ]),
);

const started = imperative(async (_, response) => {
  response.start(200, { "X-Of": "body" });
  await turn();
  throw new HttpError(409, "Somebody was quicker.");
});

function failedPipe(): Pipe {
  const pipe = new Pipe();
  pipe.fail(new HttpError(404));
  return pipe;
}

/** Says nothing for 200 milliseconds, and ends. */
function silent({ clock }: Loopback): Pipe {
  const pipe = new Pipe();
  clock.after(200, () => pipe.end());
  return pipe;
}

async function* failing(): AsyncGenerator<string> {
  await turn();
  yield* [];
  throw new HttpError(404, "There is no such board.");
}

/** Takes a connection over: says how much had come behind the head, and ends when the peer does. */
const greet: Take = (transport, early) => {
  transport.open({ data() {}, drain() {}, close() {}, end: () => transport.end() });
  transport.write([`early ${early.length}`]);
};

async function* pieces(): AsyncGenerator<string> {
  yield "one";
  yield "";
  yield "t\u00fc";
}

async function* events(): AsyncGenerator<string> {
  yield "data: one\n\n";
  await new Promise(() => {});
}

async function* broken(): AsyncGenerator<string> {
  yield "one";
  await turn(); // "one" has left
  throw new Error("secret");
}

/** The site, with settings such as `limits.fields=3`, `leniency.obsFold=true` or `trace=echo`. */
export function serve(settings: readonly string[]): Loopback {
  const bench: Loopback = loopback((request) => {
    if (request.method === "CONNECT") {
      return tunnel(greet);
    }
    return PATHS[request.path]?.(request, bench) ?? publishing(request);
  }, optionsOf(settings));
  return bench;
}

function optionsOf(settings: readonly string[]): ServerOptions {
  const options: Record<string, unknown> = {};
  for (const setting of settings) {
    const [, group, name, value] = /^(?:(\w+)\.)?(\w+)=(.+)$/.exec(setting) ?? [];
    if (name === undefined || value === undefined) continue;
    const meant = /^\d+$/.test(value)
      ? Number(value)
      : value === "true" || value === "false"
        ? value === "true"
        : value;
    if (group === undefined) options[name] = meant;
    else options[group] = { ...(options[group] as object | undefined), [name]: meant };
  }
  return options;
}

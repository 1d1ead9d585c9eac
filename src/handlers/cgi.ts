// A program behind the Common Gateway Interface 1.1 (RFC 3875): what the request says goes into variables, its body to standard
// input, and what the program writes is the answer. On the same base as spawn(): no shell, a group of its own, the same limits.
import { isUtf8 } from "node:buffer";
import { HttpError, LocalError } from "../base/errors.ts";
import { handled } from "../base/handled.ts";
import { Fields } from "../message/fields.ts";
import type { Handler } from "../message/handler.ts";
import { Pipe } from "../message/pipe.ts";
import { type Reply, redirect, reply } from "../message/reply.ts";
import { authority, hostOf, queryText, type Request } from "../message/request.ts";
import { mayHaveBody } from "../message/status.ts";
import { mountOf } from "../route/params.ts";
import { type Document, documentReply, Malformed, measured, type Pieces, readDocument } from "./cgi-document.ts";
import { type ProcessPool, placesOf } from "./process.ts";
import type { Input } from "./process-input.ts";
import { checkOptions } from "./process-pool.ts";
import { processFailed, type RunOptions } from "./process-run.ts";

/** How a CGI program is run and told of its request (RFC 3875 §4). */
export interface CgiOptions extends RunOptions {
  /** Arguments of the program; none. The query never becomes arguments. */
  readonly args?: readonly string[];
  /** Where the script stands, e.g. "/cgi/search": SCRIPT_NAME. Left out, it is what a mux has matched before `{name...}`. */
  readonly script?: string;
  /** Octets of a body without a length that are gathered to know it; 1 MiB. 0: such a body is 411. */
  readonly spoolBytes?: number;
  /** Fields of the client that are kept back unless they are named: "authorization", "proxy-authorization". */
  readonly pass?: readonly string[];
  /** Who the client is, where somebody has found out: REMOTE_USER. */
  readonly user?: (request: Request) => string | undefined;
  /** Answers a local redirect (`Location: /path` alone), e.g. by restart(); left out, the client is sent there by 302. */
  readonly redirected?: (request: Request, target: string) => Reply | Promise<Reply>;
  /** As of spawn(). */
  readonly failure?: "end" | "cut";
  /** Where it runs; in the pool of spawn(). */
  readonly pool?: ProcessPool;
}

const SPOOL_BYTES = 1_048_576;

/**
 * Answers by a CGI program.
 *
 * `Proxy` never becomes HTTP_PROXY, nor does a field whose name has an underscore become anything. `time` is 60,000 milliseconds
 * where it is left out. What the program writes without a proper head is 502.
 *
 * @param program a name that is looked up in PATH, or a path.
 * @throws LocalError USE_BAD_OPTION.
 *
 * @example
 * const routes = mux().on("/search/{rest...}", cgi("/usr/lib/cgi-bin/search"));
 */
export function cgi(program: string, options: CgiOptions = {}): Handler {
  const { spoolBytes = SPOOL_BYTES, script = "" } = options;
  if (!(spoolBytes >= 0)) throw new LocalError("USE_BAD_OPTION", `spoolBytes is ${spoolBytes}.`);
  if (script !== "" && !/^\/.*[^/]$/.test(script)) {
    throw new LocalError(
      "USE_BAD_OPTION",
      `script is a path without a slash at its end, not ${JSON.stringify(script)}.`,
    );
  }
  placesOf(options.pool);
  checkOptions(options);
  return (request) => handled(answer(program, options, request));
}

async function answer(program: string, options: CgiOptions, request: Request): Promise<Reply> {
  const { args = [], pool, failure = "end", time = 60_000 } = options;
  const variables = variablesOf(request, options);
  const { input, length } = await bodyOf(request, options.spoolBytes ?? SPOOL_BYTES);
  if (length > 0) variables["CONTENT_LENGTH"] = String(length);
  const run = await placesOf(pool).start({
    request,
    program,
    args,
    streams: "stdout",
    input,
    begin: "output",
    failure,
    options: { ...options, time, env: { ...variables, ...options.env } },
  });
  await run.ready;
  const pieces = run.output[Symbol.asyncIterator]();
  try {
    const document = await readDocument(pieces, "refused");
    // It has work to do, and its body is none of the client's: it is let go on, and read to its end.
    if (request.method === "HEAD" || !hasContent(document.status ?? 200)) run.letGo();
    const told = (flaw: Error): void =>
      hostOf(request).report(processFailed(502, new Error(`${program}: ${flaw.message}`)));
    return await answered({ document, pieces, told }, request, options);
  } catch (error) {
    run.output.cancel();
    request.signal.throwIfAborted();
    if (!(error instanceof Malformed)) throw error;
    throw processFailed(502, new Error(`${program} is no CGI program. ${error.message}`, { cause: error }));
  }
}

interface Written {
  readonly document: Document;
  readonly pieces: Pieces;
  /** Is told of what is wrong with it and could be put right. */
  readonly told: (flaw: Error) => void;
}

async function answered({ document, pieces, told }: Written, request: Request, options: CgiOptions): Promise<Reply> {
  const { status, fields } = document;
  const location = fields.get("location");
  // RFC 3875 §6.2: a document, a redirect within the server, or one of the client, with a document or without.
  if (location === undefined && status === undefined && !fields.has("content-type")) {
    throw new Malformed("It wrote no Content-Type.");
  }
  if (location?.startsWith("/") === true && status === undefined && fields.size === 1) {
    await drop(pieces);
    return options.redirected?.(request, location) ?? redirect(location, 302);
  }
  const otherwise = location === undefined ? 200 : 302;
  if (request.method !== "HEAD" && hasContent(status ?? otherwise)) {
    return documentReply(await measured(document, told), otherwise);
  }
  drop(pieces).catch(() => {});
  const { status: sent, headers, extras } = documentReply(document, otherwise);
  if (hasContent(sent)) return reply(sent, headers, new Pipe(), extras);
  return reply(sent, new Fields([...headers]).delete("content-length"), null, extras);
}

/** Whether a body can follow: not behind 205 either, which says that there is none (RFC 9110 §15.3.6). */
function hasContent(status: number): boolean {
  return status !== 205 && mayHaveBody(status);
}

async function drop(pieces: Pieces): Promise<void> {
  while ((await pieces.next()).done !== true);
}

/** The body, and how long it is: a CGI program must know before it reads. */
async function bodyOf(request: Request, spool: number): Promise<{ readonly input: Input; readonly length: number }> {
  const { body } = request;
  if (body.length !== undefined) return { input: body, length: body.length };
  if (spool === 0) throw new HttpError(411);
  const bytes = await body.bytes(spool);
  return { input: bytes, length: bytes.length };
}

/** RFC 3875 §4.1. */
function variablesOf(request: Request, options: CgiOptions): Record<string, string> {
  const { peer, method, version, headers } = request;
  const { host, port } = authority(request);
  const { script, info } = locate(request, options.script);
  const user = options.user?.(request);
  const type = headers.get("content-type");
  return {
    ...protocolVariables(request, options.pass ?? []),
    // The host that was judged: that of the target, where it has one, whatever Host says (RFC 9112 §3.2.2).
    ...(host === "" ? {} : { HTTP_HOST: port === undefined ? host : `${host}:${port}` }),
    GATEWAY_INTERFACE: "CGI/1.1",
    SERVER_SOFTWARE: "Portico",
    SERVER_PROTOCOL: `HTTP/${version}`,
    SERVER_NAME: host,
    SERVER_PORT: String(port ?? (peer.secure ? 443 : 80)),
    REQUEST_METHOD: method,
    REQUEST_URI: request.target,
    SCRIPT_NAME: script,
    PATH_INFO: info,
    QUERY_STRING: queryText(request) ?? "",
    REMOTE_ADDR: peer.address ?? "",
    ...(peer.secure ? { HTTPS: "on" } : {}),
    ...(type === undefined ? {} : { CONTENT_TYPE: asSent(type) }),
    ...(user === undefined ? {} : { REMOTE_USER: user }),
  };
}

/**
 * A field value such that the program gets the bytes that were sent: Node writes variables as UTF-8. Bytes that are no UTF-8 cannot be
 * given so, and are taken for what HTTP once meant by them, ISO 8859-1.
 */
function asSent(value: string): string {
  const bytes = Buffer.from(value, "latin1");
  return isUtf8(bytes) ? bytes.toString("utf8") : value;
}

/** The script and what stands behind it in the path, decoded as CGI wants them. @throws HttpError 404. */
function locate(request: Request, name = ""): { readonly script: string; readonly info: string } {
  const { path } = request;
  const own = name !== "" && (path === name || path.startsWith(`${name}/`));
  const at = own ? name.length : mountOf(request.params);
  return { script: decoded(path.slice(0, at)), info: decoded(path.slice(at)) };
}

function decoded(path: string): string {
  // Decoded, they would be taken for a separator, or for the end.
  if (/%2f|%00/i.test(path)) throw new HttpError(404);
  try {
    return decodeURIComponent(path);
  } catch (cause) {
    throw new HttpError(404, undefined, { cause });
  }
}

/** Fields that are said otherwise, that concern the connection, or that a program takes for settings of its own (httpoxy). */
const KEPT_BACK = new Set(
  "connection content-length content-type expect keep-alive proxy proxy-connection te trailer transfer-encoding upgrade".split(
    " ",
  ),
);
const SECRETS = new Set(["authorization", "proxy-authorization"]);

function protocolVariables(request: Request, pass: readonly string[]): Record<string, string> {
  const variables: Record<string, string> = {};
  const passed = new Set(pass.map((name) => name.toLowerCase()));
  for (const [written, sent] of request.headers) {
    const field = written.toLowerCase();
    // An underscore would pass for the hyphen of a field that somebody on the way has checked.
    if (KEPT_BACK.has(field) || field.includes("_") || (SECRETS.has(field) && !passed.has(field))) continue;
    const name = `HTTP_${field.toUpperCase().replaceAll("-", "_")}`;
    const before = variables[name];
    const value = asSent(sent);
    variables[name] = before === undefined ? value : `${before}${field === "cookie" ? "; " : ", "}${value}`;
  }
  return variables;
}

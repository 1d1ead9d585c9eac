// Every place where something that a peer sends meets a pattern, a library or a loop of ours: who reads it, in which file of src, and
// what bounds it before it is read. linear-work.test.ts reads each at one length and at sixteen times that.
import type { Handler, Middleware } from "../../src/message/handler.ts";
import { reply, text } from "../../src/message/reply.ts";
import type { Request } from "../../src/message/request.ts";
import { ask, type Sent } from "../fixtures/ask.ts";
import { PATHS, type Shapes, VALUES } from "./linear-shapes.ts";

/** One place. */
export interface Row {
  /** What of a message it is. */
  readonly place: string;
  /** Who reads it. */
  readonly reader: string;
  /** Below src. */
  readonly file: string;
  /** What bounds it. */
  readonly bound: string;
  /** Characters of the longer text: as many as the bound lets through, or so many that a square would show. */
  readonly most: number;
  readonly shapes: Shapes;
  readonly read: (text: string) => unknown;
}

/** The longest line of a header, but for its name. */
const LINE = 16_000;
const LINE_BOUND = "limits.fieldBytes, 16 KiB";

/** A row for the value of a header that somebody asks for. */
export function valueRow(
  place: string,
  reader: string,
  file: string,
  read: Row["read"],
  { bound = LINE_BOUND, shapes = {}, most = LINE }: Partial<Pick<Row, "bound" | "shapes" | "most">> = {},
): Row {
  return { place, reader, file, bound, most, shapes: { ...VALUES, ...shapes }, read };
}

/** A row for the path or the query of a request. */
export function pathRow(
  place: string,
  reader: string,
  file: string,
  read: Row["read"],
  { shapes = {}, bound = "limits.targetBytes, 8 KiB" }: Partial<Pick<Row, "bound" | "shapes">> = {},
): Row {
  return { place, reader, file, bound, most: 5000, shapes: { ...PATHS, ...shapes }, read };
}

/** A whole request, whose header has the text. */
export function withHeader(name: string, answer: (request: Request) => unknown, sent: Sent = {}): Row["read"] {
  return (value) => ask({ method: "GET", ...sent, headers: { ...sent.headers, [name]: value } }, answer);
}

/** The same, of a handler behind middleware. */
export function behind(middleware: Middleware | Promise<Middleware>, name: string, sent: Sent = {}): Row["read"] {
  return async (value) =>
    withHeader(
      name,
      (await middleware)(() => text("x")),
      sent,
    )(value);
}

const QUIET = { hooks: { error: () => {} } };

/** A whole request, whose target is the text. */
export function toTarget(handler: (request: Request) => unknown): Row["read"] {
  return (target) => ask({ method: "GET", target }, handler, QUIET);
}

/** A whole request, whose body is the text. */
export function withBody(type: string, answer: (request: Request) => unknown): Row["read"] {
  return (body) => ask({ headers: { "Content-Type": type }, body: Buffer.from(body, "latin1") }, answer);
}

/** What answers nothing that matters. */
export const nothing: Handler = () => reply(204);

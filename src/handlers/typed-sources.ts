// Where the parameters of a request lie: path, query, body, fields. What the pattern names comes from the path and from nowhere
// else; a value that is given twice is refused rather than chosen from.
import { LocalError } from "../base/errors.ts";
import { cookies } from "../content/cookie.ts";
import { parseForm } from "../content/form.ts";
import type { Params } from "../content/params.ts";
import { queryText, type Request, readsContent } from "../message/request.ts";
import type { Form } from "./readers.ts";
import { REPEATED, Wrong } from "./readers-flaw.ts";
import type { Raws, Step } from "./readers-record.ts";
import type { Content } from "./typed-body.ts";

/** Which is looked at first for a name that may be in both. */
export type First = "query" | "body";

/** How the readers of a handler look for what they read. */
export interface Places {
  readonly first: First;
  readonly malformed: "keep" | "refuse";
  /** Whether the members of a body are parameters, or it is one value, and no reader looks into it but for "json". */
  readonly body: "members" | "whole";
}

const A_FILE = new Wrong("it is a file");

/** The raw parameters of one request. */
export class RequestRaws implements Raws {
  form: Form = "text";
  /** What the body holds, once it has been read. */
  body: Content | null = null;
  readonly #request: Request;
  readonly #places: Places;
  /** Null where the request has none, undefined before it was asked for. */
  #query: Params | null | undefined = undefined;

  constructor(request: Request, places: Places) {
    this.#request = request;
    this.#places = places;
  }

  /** Whether one of these steps, which may be anywhere, finds nothing but in the body. */
  needsBody(steps: readonly Step[]): boolean {
    if (steps.length === 0 || this.#places.body === "whole" || !readsContent(this.#request)) return false;
    const query = this.#places.first === "query" ? this.#queried() : null;
    for (const { name } of steps) {
      if (segment(this.#request, name) === undefined && query?.has(name) !== true) return true;
    }
    return false;
  }

  find(step: Step): unknown {
    this.form = step.source === "json" || step.source === "body" ? "json" : "text";
    switch (step.source) {
      case undefined:
        return this.#anywhere(step);
      case "path":
        return this.#inPath(step);
      case "query":
        return this.#inQuery(step);
      case "header":
        return inHead(this.#request, step);
      case "cookie":
        return alone(cookie(this.#request, step.name), step);
      case "body":
        return this.#wholeBody();
      default:
        return this.#inBody(step);
    }
  }

  #anywhere(step: Step): unknown {
    const named = segment(this.#request, step.name);
    if (named !== undefined) return listed(named, step);
    const { body, first } = this.#places;
    if (body === "whole") return this.#inQuery(step);
    if (first === "query") return this.#inQuery(step) ?? this.#inBody(step);
    return this.#inBody(step) ?? this.#inQuery(step);
  }

  #inPath(step: Step): unknown {
    const named = segment(this.#request, step.name);
    if (named !== undefined) return listed(named, step);
    if (!step.required) return undefined;
    throw new LocalError("USE_BAD_OPTION", `The pattern has no {${step.name}}, which a reader takes from the path.`);
  }

  #inQuery(step: Step): unknown {
    const values = this.#queried()?.all(step.name) ?? [];
    if (values.length > 0) this.form = "text";
    return alone(values, step);
  }

  #inBody(step: Step): unknown {
    if (this.body === null) return undefined;
    this.form = this.body.form;
    if (this.body.form === "text") return alone(this.body.params.all(step.name), step);
    const { value } = this.body;
    if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
    if (!Object.hasOwn(value, step.name)) return undefined;
    return (value as Readonly<Record<string, unknown>>)[step.name];
  }

  #wholeBody(): unknown {
    if (this.body?.form !== "json") return undefined;
    this.form = "json";
    return this.body.value;
  }

  #queried(): Params | null {
    if (this.#query === undefined) {
      const { malformed } = this.#places;
      const asked = this.#request.target.includes("?");
      this.#query = asked ? parseForm(queryText(this.#request) ?? "", { source: "query", malformed }) : null;
    }
    return this.#query;
  }
}

/** A captured segment. What an object inherits is no text. */
function segment({ params }: Request, name: string): string | undefined {
  const value: unknown = params[name];
  return typeof value === "string" ? value : undefined;
}

/** The one value, or all of them for a reader that takes them. A file is given to none that does not ask for one. */
function alone(values: readonly unknown[], { many, files }: Step): unknown {
  if (values.length === 0) return undefined;
  if (!files && values.some((value) => typeof value !== "string")) return A_FILE;
  if (many === "always") return values;
  if (values.length === 1) return values[0];
  return many === "several" ? values : REPEATED;
}

function listed(value: string, { many }: Step): unknown {
  return many === "always" ? [value] : value;
}

function cookie(request: Request, name: string): readonly string[] {
  const value = cookies(request).get(name);
  return value === undefined ? [] : [value];
}

function inHead({ headers }: Request, step: Step): unknown {
  return step.many === "always" && headers.has(step.name)
    ? headers.list(step.name)
    : alone(headers.all(step.name), step);
}

// Typed handlers: readers and a function become a handler. The values are read before the function is called, all that is wrong
// with them is one refusal, and their types are inferred. What can be answered at once is: no promise is made unless a reader
// made one or the body is read.
import { LocalError } from "../base/errors.ts";
import { handled } from "../base/handled.ts";
import type { ContentParsers } from "../content/parsers.ts";
import { type Answer, makerFor, replyWhenReady } from "../message/answer.ts";
import { describeHandler } from "../message/details.ts";
import type { Handler } from "../message/handler.ts";
import type { Reply } from "../message/reply.ts";
import type { Request } from "../message/request.ts";
import { checkFunction, isRequired, readerOf, type Source } from "./readers.ts";
import { refusalOf, Wrong } from "./readers-flaw.ts";
import { type Readers, readRecord, type Step, stepsOf, type Values } from "./readers-record.ts";
import type { Read } from "./readers-types.ts";
import type { JsonSchema } from "./standard.ts";
import { type BodyOptions, readBody, type Wanted } from "./typed-body.ts";
import { type First, type Places, RequestRaws } from "./typed-sources.ts";

/** How a typed handler reads bodies, and which source it asks first. */
export interface TypedOptions {
  /** Most octets of a body that is read; `limits.bodyBytes`. */
  readonly limit?: number;
  /** The parsers of bodies; those of contentParsers() where left out. */
  readonly parsers?: ContentParsers;
  /** Which is looked at first for a name that may stand in the query and in the body; "query". */
  readonly first?: First;
  /** What becomes of a pair of the query that cannot be decoded: "keep", as it stands, or "refuse" (400). "keep". */
  readonly malformed?: "keep" | "refuse";
}

/** One parameter of a typed handler, for a list of routes. */
export interface ParameterSchema {
  /** Of the value that the handler gets. */
  readonly key: string;
  /** What a client calls it. */
  readonly name: string;
  /** Undefined: the path where the pattern names it, else the query or the body. */
  readonly source: Source | undefined;
  readonly required: boolean;
  readonly schema: JsonSchema;
}

interface Plan {
  readonly readers: Readers;
  readonly steps: readonly Step[];
  readonly places: Places;
  readonly body: BodyOptions;
  /** Those that may be in the body, if they are nowhere else. */
  readonly anywhere: readonly Step[];
}

const plans = new WeakMap<Handler, Plan>();

/**
 * Makes a handler whose parameters are read and checked before it is called.
 *
 * A name that the pattern of the route has is read from the path alone; another one from the query, else from the body, a form
 * or the members of a JSON object. A body is read only for a value that is not found before, of a request other than GET and
 * HEAD, and not where `t.body()` takes it as a whole; `from()`, `t.header()` and `t.body()` name the place instead. Readers run in the order in which they are declared, and
 * one that sees the values before it is not asked while one of them is wrong.
 *
 * @param readers by name: of `t`, of defineType(), or any Standard Schema.
 * @param answer gets the values; what it returns is an Answer.
 * @returns a handler that throws HttpError 400 HTTP_BAD_PARAMETER, whose `issues` name everything that is wrong; 415
 *   HTTP_UNSUPPORTED_TYPE and 413 HTTP_BODY_TOO_LARGE for a body.
 * @throws LocalError USE_BAD_OPTION for what is no reader; two readers of one parameter; a body that must be two things.
 *
 * @example
 * const board = typed({ id: t.integer, size: t.integer.default(20) }, ({ id, size }) => ({ id, size }));
 * const server = createServer(mux().on("GET /board/{id}", board).handler);
 */
export function typed<R extends Readers>(
  readers: R,
  answer: (values: Read<R>, request: Request) => Answer | Promise<Answer>,
  options: TypedOptions = {},
): Handler {
  checkFunction(answer);
  const plan = planOf(readers, options);
  const call = answer as Call;
  const handler: Handler = (request) => {
    const raws = new RequestRaws(request, plan.places);
    const needed = plan.body.wanted !== "nothing" || raws.needsBody(plan.anywhere);
    const later = needed
      ? readBody(request, plan.body, (content) => {
          raws.body = content;
          return answered(plan, call, request, raws);
        })
      : null;
    return later === null ? answered(plan, call, request, raws) : handled(later);
  };
  plans.set(handler, plan);
  describeHandler(handler, {
    parameters: () => schemaOf(handler) ?? [],
    checkNames: (names) => checkNames(handler, names),
  });
  return handler;
}

function planOf(readers: Readers, { limit, parsers, first = "query", malformed = "keep" }: TypedOptions): Plan {
  if (limit !== undefined && !(limit >= 0)) throw new LocalError("USE_BAD_OPTION", "limit is a number of octets.");
  if (first !== "query" && first !== "body") throw new LocalError("USE_BAD_OPTION", `first is ${String(first)}.`);
  const steps = stepsOf(readers);
  checkUnique(steps);
  const anywhere = steps.filter(({ source }) => source === undefined);
  const body = steps.some(({ source }) => source === "body") ? "whole" : "members";
  return {
    readers: { ...readers },
    steps,
    places: { first, body, malformed },
    body: { wanted: wantedOf(steps), limit, parsers },
    anywhere,
  };
}

// A parameter that two readers take would be refused by one of them, or mean two things.
function checkUnique(steps: readonly Step[]): void {
  const taken = new Set<string>();
  for (const { source, name } of steps) {
    const place = source === "header" ? name.toLowerCase() : source === "body" ? "" : name;
    const parameter = `${source ?? "request"} ${place}`.trim();
    if (taken.has(parameter)) throw new LocalError("USE_BAD_OPTION", `Two readers take the same of the ${parameter}.`);
    taken.add(parameter);
  }
}

function wantedOf(steps: readonly Step[]): Wanted {
  const sources = new Set(steps.map(({ source }) => source));
  const json = sources.has("json") || sources.has("body");
  if (json && sources.has("form")) throw new LocalError("USE_BAD_OPTION", "A body is a form, or it is JSON.");
  return json ? "json" : sources.has("form") ? "form" : "nothing";
}

type Call = (values: Values, request: Request) => unknown;

function answered(plan: Plan, call: Call, request: Request, raws: RequestRaws): Reply | Promise<Reply> {
  const values = readRecord(plan.steps, raws);
  return values instanceof Promise
    ? handled(values.then((read) => replied(call, request, read)))
    : replied(call, request, values);
}

function replied(call: Call, request: Request, values: Values | Wrong): Reply | Promise<Reply> {
  if (values instanceof Wrong) throw refusalOf(values.flaws);
  return replyWhenReady(call(values, request), makerFor(request));
}

/**
 * What a typed handler reads, in the order in which it is declared; undefined for another handler, and for one that middleware
 * is around.
 *
 * @example
 * schemaOf(typed({ id: t.integer }, board)); // [{ key: "id", name: "id", source: undefined, required: true, schema: { type: "integer" } }]
 */
export function schemaOf(handler: Handler): readonly ParameterSchema[] | undefined {
  const plan = plans.get(handler);
  if (plan === undefined) return undefined;
  const steps = new Map(plan.steps.map((step) => [step.key, step]));
  return Object.entries(plan.readers).map(([key, schema]) => {
    const reader = readerOf(schema);
    const { name, source } = steps.get(key) as Step;
    return { key, name, source, required: isRequired(reader), schema: reader.describe() };
  });
}

/**
 * Refuses a typed handler under a pattern that it does not go with: a name of the pattern must be read from the path, and what
 * is read from the path must be in the pattern. Another handler goes with every pattern.
 *
 * @param names in the pattern.
 * @throws LocalError USE_BAD_PATTERN.
 */
export function checkNames(handler: Handler, names: readonly string[]): void {
  for (const { key, name, source, required } of plans.get(handler)?.steps ?? []) {
    if (source === "path") {
      if (!names.includes(name) && required) {
        throw new LocalError("USE_BAD_PATTERN", `There is no {${name}} in it, which the handler reads from the path.`);
      }
    } else if (source !== undefined && names.includes(key)) {
      throw new LocalError(
        "USE_BAD_PATTERN",
        `{${key}} stands in it, and the handler reads ${key} from the ${source}.`,
      );
    }
  }
}

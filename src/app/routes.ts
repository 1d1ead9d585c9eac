// What an app can do, as data: every route with its method, host, path and parameters, for a page, a description, a test.
import { detailsOf, type ReadParameter } from "../message/details.ts";
import type { RouteInfo as MuxRoute } from "../route/route-info.ts";
import type { GroupSite } from "./group.ts";

/** One route. */
export interface RouteInfo {
  /** Empty for every method. */
  readonly method: string;
  /** Empty for every host. */
  readonly host: string;
  readonly path: string;
  /** What off() and replace() of the app that has it take. */
  readonly pattern: string;
  readonly parameters: readonly RouteParameter[];
}

/** A value that a route reads. */
export interface RouteParameter {
  readonly name: string;
  /** Undefined: the query, else the body. */
  readonly source: string | undefined;
  readonly required: boolean;
  /** JSON Schema (2020-12) of its value. */
  readonly schema: Readonly<Record<string, unknown>>;
}

/** The routes of an app, those of mounted apps below their prefix. */
export function routesOf({ mux, given }: GroupSite): readonly RouteInfo[] {
  return mux.routes.flatMap((route): readonly RouteInfo[] => {
    const handler = given.get(route.pattern);
    if (handler === null) return []; // the prefix of a mount, which is listed with what is below it
    const own = { ...route, parameters: parametersOf(route, handler) };
    const below = mountedRoutes(handler);
    return below === undefined ? [plain(own)] : below.map((each) => plain(joined(own, each)));
  });
}

function mountedRoutes(handler: unknown): readonly (MuxRoute & Partial<RouteInfo>)[] | undefined {
  if (typeof handler !== "object" || handler === null || !("routes" in handler)) return undefined;
  return Array.isArray(handler.routes) ? (handler.routes as readonly (MuxRoute & Partial<RouteInfo>)[]) : undefined;
}

function plain({ method, host, path, pattern, parameters }: RouteInfo): RouteInfo {
  return { method, host, path, pattern, parameters };
}

function joined(mount: RouteInfo, below: MuxRoute & Partial<RouteInfo>): RouteInfo {
  const prefix = mount.path.slice(0, mount.path.lastIndexOf("/"));
  const outer = mount.parameters.filter(({ schema }) => schema["format"] !== REST);
  const parameters = below.parameters ?? parametersOf(below, undefined);
  return { ...below, path: `${prefix}${below.path}`, parameters: [...outer, ...parameters] };
}

/** The format of `{name...}`, which may have slashes in it. */
const REST = "path";

const SCHEMAS: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  string: { type: "string" },
  integer: { type: "integer" },
  number: { type: "number" },
  boolean: { type: "boolean" },
  rest: { type: "string", format: REST },
};

function parametersOf({ params }: MuxRoute, handler: unknown): readonly RouteParameter[] {
  const read = typeof handler === "function" ? (detailsOf(handler)?.parameters() ?? []) : [];
  const named = params.map(({ name, type }): RouteParameter => {
    const reader = read.find((each) => each.name === name && inPath(each));
    const schema = reader?.schema ?? SCHEMAS[type] ?? { type: "string", format: type };
    return { name, source: "path", required: true, schema };
  });
  const others = read.filter((each) => !(inPath(each) && params.some(({ name }) => name === each.name)));
  return [...named, ...others.map(({ name, source, required, schema }) => ({ name, source, required, schema }))];
}

function inPath({ source }: ReadParameter): boolean {
  return source === undefined || source === "path";
}

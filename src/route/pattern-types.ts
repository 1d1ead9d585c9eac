// What the compiler knows of a pattern: the names in it, and that none stands twice. Knows nothing at run time.
type Segment<S extends string> = S extends `${infer N}...` ? N : S extends `${infer N}:${string}` ? N : S;

/**
 * The parameters of a pattern.
 *
 * @example
 * type P = PathParams<"GET /board/{id:integer}/{path...}">; // { readonly id: string; readonly path: string }
 */
export type PathParams<P extends string> = P extends `${string}{${infer S}}${infer Rest}`
  ? { readonly [K in Segment<S>]: string } & PathParams<Rest>
  : Readonly<Record<never, string>>;

/** The first name that stands twice; never where none does. */
type Doubled<P extends string, Seen extends string = never> = P extends `${string}{${infer S}}${infer Rest}`
  ? Segment<S> extends Seen
    ? Segment<S>
    : Doubled<Rest, Seen | Segment<S>>
  : never;

/** The pattern itself where each name in it is its own; a sentence, which no pattern is, where one stands twice. */
export type UniqueNames<P extends string> = [Doubled<P>] extends [never]
  ? P
  : `The name ${Doubled<P>} stands twice in the pattern.`;

// What the compiler knows of a pattern: the names in it, and that none stands twice. Knows nothing at run time.
type Segment<S extends string> = S extends `${infer N}...` ? N : S extends `${infer N}:${string}` ? N : S;

/**
 * The parameters of a pattern; of one that the compiler cannot read, or not to its end, any.
 *
 * @example
 * type P = PathParams<"GET /board/{id:integer}/{path...}">; // { readonly id: string; readonly path: string }
 */
export type PathParams<P extends string> = string extends P
  ? Readonly<Record<string, string>>
  : IsWhole<P> extends true
    ? NamesOf<P>
    : NamesOf<P> & Readonly<Record<string, string>>;

// Of `/a/${string}` a record has an index signature, which an object without members fulfils.
type IsWhole<P extends string> = Record<never, never> extends Record<P, 1> ? false : true;

type NamesOf<P extends string> = P extends `${string}{${infer S}}${infer Rest}`
  ? { readonly [K in Segment<S>]: string } & NamesOf<Rest>
  : Readonly<Record<never, string>>;

/** The first name that stands twice; never where none does. */
type Doubled<P extends string, Seen extends string = never> = P extends `${string}{${infer S}}${infer Rest}`
  ? Segment<S> extends Seen
    ? Segment<S>
    : Doubled<Rest, Seen | Segment<S>>
  : never;

/**
 * The pattern itself where each name in it is its own; a sentence, which no pattern is, where one stands twice. `Whole` is the
 * pattern with what stands before it.
 */
export type UniqueNames<P extends string, Whole extends string = P> = [Doubled<Whole>] extends [never]
  ? P
  : `The name ${Doubled<Whole>} stands twice in the pattern.`;

/** A pattern, or a list of them. Of a list, the handler sees the parameters that one of them gives. */
export type Patterns<P extends string> = (P & UniqueNames<P>) | readonly (P & UniqueNames<P>)[];

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
    ? Named<P>
    : Named<P> & Readonly<Record<string, string>>;

// Of `/a/${string}` a record has an index signature, which an object without members fulfils.
type IsWhole<P extends string> = Record<never, never> extends Record<P, 1> ? false : true;

// One record, not one for each name: it is what an editor shows. Of several patterns, one for each.
type Named<P extends string> = P extends string ? { readonly [K in NamesOf<P>]: string } : never;

type NamesOf<P extends string, Names extends string = never> = P extends `${string}{${infer S}}${infer Rest}`
  ? NamesOf<Rest, Names | Exclude<Segment<S>, "">>
  : Names;

/** The first name that stands twice; never where none does. */
type Doubled<P extends string, Seen extends string = never> = P extends `${string}{${infer S}}${infer Rest}`
  ? Segment<S> extends Seen
    ? Segment<S>
    : Doubled<Rest, Seen | Segment<S>>
  : never;

/**
 * The pattern itself where each name in it is its own; where one stands twice, what no pattern is, and the compiler says why.
 * `Whole` is the pattern with what stands before it.
 */
export type UniqueNames<P extends string, Whole extends string = P> = [Doubled<Whole>] extends [never]
  ? P
  : { readonly wrong: `The name ${Doubled<Whole>} stands twice in the pattern.` };

/** A pattern, or a list of them. Of a list, the handler sees the parameters that one of them gives. */
export type Patterns<P extends string> = (P & UniqueNames<P>) | readonly (P & UniqueNames<P>)[];

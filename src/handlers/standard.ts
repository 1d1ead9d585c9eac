// Standard Schema v1 and Standard JSON Schema v1 (standardschema.dev), as types to be copied: what a reader of ours is to other
// libraries, and what a schema of theirs is to us. Knows nothing of requests.

/** A schema of any library that follows Standard Schema: Zod, Valibot, ArkType, or a reader of `t`. */
export interface StandardSchema<In = unknown, Out = In> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => StandardResult<Out> | Promise<StandardResult<Out>>;
    readonly types?: { readonly input: In; readonly output: Out } | undefined;
  };
}

/** A value, or what is wrong with it. */
export type StandardResult<Out> =
  | { readonly value: Out; readonly issues?: undefined }
  | { readonly issues: readonly StandardIssue[] };

/** What a schema finds wrong: a text, and where in the value. */
export interface StandardIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** Makes a JSON Schema, of a dialect such as "draft-2020-12". May throw for what it cannot express. */
export interface StandardConverter {
  readonly input: (options: { readonly target: string }) => Record<string, unknown>;
  readonly output: (options: { readonly target: string }) => Record<string, unknown>;
}

/** A schema that can also tell what it reads. */
export interface DescribedSchema<In = unknown, Out = In> {
  readonly "~standard": StandardSchema<In, Out>["~standard"] & { readonly jsonSchema: StandardConverter };
}

/** A JSON Schema (json-schema.org), as data. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** What a schema makes of its input. Two look-ups and no inference: a thousand routes stay cheap to compile. */
export type OutputOf<S extends StandardSchema> = NonNullable<S["~standard"]["types"]>["output"];

/** Whether a value says that it is a schema; those of ArkType are functions. */
export function isStandardSchema(value: unknown): value is StandardSchema {
  if ((typeof value !== "object" && typeof value !== "function") || value === null) return false;
  const standard = (value as { readonly "~standard"?: Partial<StandardSchema["~standard"]> })["~standard"];
  return standard?.version === 1 && typeof standard.validate === "function";
}

/** What a schema reads, as JSON Schema; empty, which is "anything", where its library cannot say. */
export function jsonSchemaOf(schema: StandardSchema): JsonSchema {
  const { jsonSchema } = schema["~standard"] as { readonly jsonSchema?: StandardConverter };
  if (jsonSchema === undefined) return {};
  try {
    return jsonSchema.input({ target: "draft-2020-12" });
  } catch {
    // The specification has it throw for what JSON Schema cannot express: a date, a transformation.
    return {};
  }
}

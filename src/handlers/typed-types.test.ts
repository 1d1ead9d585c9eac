// What the compiler knows of typed handlers: the lines that must not compile are the tests. And that it does not take long.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { type } from "arktype";
import * as v from "valibot";
import * as z from "zod";
import { LocalError } from "../base/errors.ts";
import { mux } from "../route/index.ts";
import { defineType } from "./readers-define.ts";
import { type Read, t } from "./readers-types.ts";
import { typed } from "./typed.ts";

/** Fails to compile unless both are one type. */
type Same<A, B> = (<X>() => X extends A ? 1 : 2) extends <X>() => X extends B ? 1 : 2 ? true : false;
const same = <A, B>(_proof: Same<A, B>): void => {};

test("the values have the types of their readers", () => {
  const readers = {
    text: t.string.min(1).pattern(/a/),
    whole: t.integer.min(1).where((n: number) => n > 1, "it is small"),
    part: t.number.optional(),
    flag: t.boolean.default(false),
    day: t.date.from("query", "at"),
    word: t.oneOf("a", "b").anyCase(),
    list: t.listOf(t.integer).split(",").max(3),
    any: t.json,
    shaped: t.json.of(t.object({ x: t.number, y: t.string.optional() })),
    none: t.integer.default(null),
    found: defineType({ of: t.integer, parse: async (id) => (id === 1 ? new Map<string, number>() : undefined) }),
    head: t.header("x-a"),
    count: t.header("x-b", t.integer.optional()),
    file: t.file.optional(),
    zod: z.string().transform(Number),
    valibot: v.optional(v.picklist(["a"])),
    arktype: type("number[]"),
    body: t.body(z.object({ a: z.number() })),
  };
  type V = Read<typeof readers>;
  same<V["text"], string>(true);
  same<V["whole"], number>(true);
  same<V["part"], number | undefined>(true);
  same<V["flag"], boolean>(true);
  same<V["day"], Date>(true);
  same<V["word"], "a" | "b">(true);
  same<V["list"], number[]>(true);
  same<V["any"], unknown>(true);
  same<V["shaped"]["x"], number>(true);
  same<V["shaped"]["y"], string | undefined>(true);
  same<V["none"], number | null>(true);
  same<V["found"], Map<string, number>>(true);
  same<V["head"], string>(true);
  same<V["count"], number | undefined>(true);
  same<V["file"] extends { readonly size: number } | undefined ? true : false, true>(true);
  same<V["zod"], number>(true);
  same<V["valibot"], "a" | undefined>(true);
  same<V["arktype"], number[]>(true);
  same<V["body"], { a: number }>(true);
  typed(readers, (values) => {
    same<typeof values, V>(true);
    // @ts-expect-error: nothing of that name is read.
    values.other;
    // @ts-expect-error: the values are not written to.
    values.text = "x";
  });
});

test("what a check sees is unknown, unless it says what it expects", () => {
  t.integer.where((n, seen) => {
    same<typeof seen, Readonly<Record<string, unknown>>>(true);
    return n > 0;
  }, "it is not above 0");
  const url = defineType({ parse: (text) => (URL.canParse(text) ? new URL(text) : undefined) });
  same<(typeof url)["~standard"]["types"], { readonly input: unknown; readonly output: URL } | undefined>(true);
});

test("what cannot be right does not compile", () => {
  // @ts-expect-error: a text is no reader.
  assert.throws(() => typed({ id: "integer" }, () => null), LocalError);
  // @ts-expect-error: the default is not of the type.
  t.integer.default("20");
  // @ts-expect-error: not one of the words.
  t.oneOf("a", "b").default("c");
  // @ts-expect-error: no word at all.
  assert.throws(() => t.oneOf(), LocalError);
  // @ts-expect-error: truth has no bounds.
  assert.throws(() => t.boolean.min(1), LocalError);
  // @ts-expect-error: a bound of a date is a date.
  assert.throws(() => t.date.min("2024-01-01"), LocalError);
  // @ts-expect-error: there is no such place.
  t.string.from("body-part");
  // @ts-expect-error: the values are of other types.
  typed({ id: t.integer }, ({ id }: { readonly id: string }) => id);
  // @ts-expect-error: parse() of what `of` reads gets a number.
  defineType({ of: t.integer, parse: (text: string) => text });
});

test("one name twice is an error of the compiler, in the readers and in the pattern [HS-08]", () => {
  // @ts-expect-error: an object literal cannot have two properties of one name.
  // biome-ignore lint/suspicious/noDuplicateObjectKeys: that is what is tested
  typed({ id: t.integer, id: t.string }, ({ id }) => id);
  const board = typed({ id: t.integer }, ({ id }) => id);
  // @ts-expect-error: The name id stands twice in the pattern.
  assert.throws(() => mux().on("/board/{id}/{id}", board), LocalError);
});

const root = fileURLToPath(new URL("../../../", import.meta.url));

/** What the compiler counts for so many routes: how often it had to make a type of a generic one. */
function instantiations(routes: number): number {
  const folder = mkdtempSync(join(root, "dist", "typed-cost-"));
  try {
    const lines = [
      'import { mux } from "portico/route";',
      'import { t, typed } from "portico/handlers";',
      "const app = mux();",
    ];
    for (let i = 0; i < routes; i++) {
      lines.push(
        `app.on("GET /r${i}/{id:integer}/{name}", typed({ id: t.integer.min(${i}), name: t.string, size: t.integer.default(20), sort: t.oneOf("a${i}", "b").optional() }, ({ id, name, size, sort }) => ({ id: id + 1, name: name.length, size: size + 1, sort })));`,
      );
    }
    writeFileSync(join(folder, "routes.ts"), lines.join("\n"));
    const options = {
      noEmit: true,
      isolatedDeclarations: false,
      declaration: false,
      rootDir: ".",
      outDir: "built",
      typeRoots: ["../../node_modules/@types"],
    };
    writeFileSync(
      join(folder, "tsconfig.json"),
      JSON.stringify({ extends: "../../tsconfig.json", include: ["*.ts"], compilerOptions: options }),
    );
    const compiler = join(root, "node_modules/typescript/bin/tsc");
    const { stdout, status } = spawnSync(
      process.execPath,
      [compiler, "-p", folder, "--extendedDiagnostics", "--pretty", "false"],
      { encoding: "utf8" },
    );
    assert.equal(status, 0, stdout);
    return Number(/^Instantiations:\s+(\d+)/m.exec(stdout)?.[1]);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("a route costs the compiler a small and constant number of types", () => {
  const [one, some, many] = [instantiations(1), instantiations(101), instantiations(501)];
  const [first, later] = [(some - one) / 100, (many - some) / 400];
  assert.ok(later < 300, `${later} for each route`);
  // The five hundredth costs what the first did: nothing is inferred from all the routes before it.
  assert.ok(later < first * 1.5 + 10, `${first}, then ${later}`);
});

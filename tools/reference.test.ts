import assert from "node:assert/strict";
import { test } from "node:test";
import { entriesOf, firstSentence, referencePage, shownIn } from "./reference.ts";

const TREE = {
  "package.json": JSON.stringify({
    name: "tea",
    exports: {
      ".": { default: "./dist/src/index.js" },
      "./leaf": { default: "./dist/src/leaf/index.js" },
      "./auto": { default: "./dist/src/auto.js" },
      "./package.json": "./package.json",
    },
  }),
  "src/index.ts": 'export {\n  type Cup,\n  pour,\n} from "./leaf/index.ts";\n',
  "src/auto.ts": 'import { pour } from "./leaf/pour.ts";\npour();\n',
  "src/leaf/index.ts": 'export { type Cup, pour } from "./pour.ts";\nexport type { Sort } from "./sort.ts";\n',
  "src/leaf/pour.ts": [
    "/** What it is poured into; e.g. a mug. Yours to keep. */",
    "export interface Cup {}",
    "/**",
    " * Pours tea into a cup, or into",
    " * a saucer (`hot | cold`). Slowly.",
    " *",
    " * @throws if it is too hot.",
    " */",
    "// biome-ignore lint/x: a reason",
    "export async function pour(): Promise<void> {}",
  ].join("\n"),
  "src/leaf/sort.ts": 'export type Sort = "green";\n',
  "README.md": '# Tea\n\n```ts run=first\nimport { pour } from "tea";\n```\n',
  "docs/manual/leaf.md":
    'Says pour, and runs none.\n\n```ts run=second\nimport { type Cup } from "tea/leaf";\n// pour\n```\n',
};

test("each name stands under each entry point that passes it on, by kind, first sentence, file and page", () => {
  const page = referencePage(TREE);
  const pour =
    "| [`pour`](../src/leaf/pour.ts) | function | Pours tea into a cup, or into a saucer (`hot \\| cold`). | [README](../README.md) |";
  const cup =
    "| [`Cup`](../src/leaf/pour.ts) | interface | What it is poured into; e.g. a mug. | [leaf](manual/leaf.md) |";
  const head = "| Name | | What it is | Shown |\n| --- | --- | --- | --- |";
  assert.ok(page.includes(`## tea\n\n${head}\n${cup}\n${pour}\n\n## tea/leaf\n\n${head}\n${cup}\n${pour}\n`), page);
  assert.ok(page.includes("| [`Sort`](../src/leaf/sort.ts) | type |  |  |\n"), page);
});

test("an entry point without names is said to have none, and what is no module is left out", () => {
  assert.deepEqual(
    entriesOf(TREE).map(({ name, exported }) => [name, exported.length]),
    [
      ["tea", 2],
      ["tea/leaf", 3],
      ["tea/auto", 0],
    ],
  );
  assert.match(referencePage(TREE), /## tea\/auto\n\nExports nothing/);
});

test("what is imported counts, from this package alone, and types apart", () => {
  const code =
    'import { type A, b as c } from "tea";\nimport type {\n  D,\n} from "tea/leaf";\nimport { e } from "teapot";\n';
  const tree = { ...TREE, "examples/brew/main.ts": code, "examples/main.test.ts": code, "docs/other.md": code };
  assert.deepEqual(
    shownIn(tree).map(({ path, names, values }) => [path, [...names], [...values]]),
    [
      ["README.md", ["pour"], ["pour"]],
      ["docs/manual/leaf.md", ["Cup"], []],
      ["examples/brew/main.ts", ["A", "b", "D"], ["b"]],
    ],
  );
});

test("a class whose type alone is passed on is a type", () => {
  const tree = {
    ...TREE,
    "src/leaf/index.ts": 'export { type Cup, pour } from "./pour.ts";\nexport { Sort, type Leaf } from "./sort.ts";\n',
    "src/leaf/sort.ts": "export class Sort {}\nexport abstract class Leaf {}\n",
  };
  assert.deepEqual(
    entriesOf(tree)[1]?.exported.map(({ name, kind }) => [name, kind]),
    [
      ["Cup", "interface"],
      ["Leaf", "type"],
      ["pour", "function"],
      ["Sort", "class"],
    ],
  );
});

test("a name that nothing declares is refused", () => {
  assert.throws(() => referencePage({ ...TREE, "src/leaf/sort.ts": "" }), /src\/leaf\/sort\.ts does not declare Sort/);
});

test("a sentence ends before a capital or a tag, not behind an abbreviation", () => {
  assert.equal(firstSentence("Reads it, e.g. by name. Then stops."), "Reads it, e.g. by name.");
  assert.equal(firstSentence("A time. @param x milliseconds."), "A time.");
  assert.equal(firstSentence("@returns nothing"), "");
  assert.equal(firstSentence("No stop at all"), "No stop at all");
});

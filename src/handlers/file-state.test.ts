import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  appendFile,
  mkdir,
  mkdtemp,
  realpath,
  rename,
  rm,
  stat,
  symlink,
  unlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { onWindows } from "../../test/fixtures/conditions.ts";
import { HttpError } from "../base/errors.ts";
import { digestOf, digestOfFile, isSameState, isSettled, openAs, readSmall, validatorsOf } from "./file-state.ts";

const TIME = Date.UTC(2024, 0, 2, 3, 4, 5);
let folder = "";

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "portico-state-"));
});
after(() => rm(folder, { recursive: true }));

const refused = (status: number) => (error: unknown) => error instanceof HttpError && error.status === status;

test("a file is never said to be younger than now", () => {
  const date = "Tue, 02 Jan 2024 03:04:05 GMT";
  assert.equal(validatorsOf({ size: 1, mtimeMs: TIME + 1e9 }, null, "", TIME).lastModified, date);
  assert.equal(validatorsOf({ size: 1, mtimeMs: TIME }, null, "", TIME + 1e9).lastModified, date);
});

test("size, time and coding make another tag, by fractions of a millisecond too; a digest makes it strong", () => {
  const tags = [
    validatorsOf({ size: 1, mtimeMs: TIME }, null),
    validatorsOf({ size: 2, mtimeMs: TIME }, null),
    validatorsOf({ size: 1, mtimeMs: TIME + 1 }, null),
    validatorsOf({ size: 1, mtimeMs: TIME + 0.25 }, null),
    validatorsOf({ size: 1, mtimeMs: TIME }, null, "-gzip"),
    validatorsOf({ size: 1, mtimeMs: TIME }, digestOf(Buffer.from("a"))),
  ].map(({ etag }) => etag);
  assert.equal(new Set(tags).size, tags.length);
  for (const [i, tag] of tags.entries()) assert.match(tag ?? "", i < 5 ? /^W\/"[^"]+"$/ : /^"[^"]+"$/);
});

test("a change shows in the state even where size and time are set back", async () => {
  const path = join(folder, "set-back");
  await writeFile(path, "one");
  const { mtime, ...first } = await stat(path);
  assert.equal(isSameState(first, await stat(path)), true);
  // The clock of a file system moves in steps: until it has, another change is none to see.
  let second = await stat(path);
  while (second.ctimeMs === first.ctimeMs) {
    await writeFile(path, "two");
    await utimes(path, mtime, mtime);
    second = await stat(path);
  }
  assert.deepEqual([second.size, second.mtime], [first.size, mtime]);
  assert.equal(isSameState(first, second), false);
});

test("a file that has just changed may change again unseen", () => {
  const state = { dev: 1, ino: 1, size: 1, mtimeMs: TIME - 1e6, ctimeMs: TIME };
  assert.equal(isSettled(state, TIME + 10), false);
  assert.equal(isSettled(state, TIME + 10_000), true);
  assert.equal(isSettled({ ...state, ctimeMs: TIME + 1e9 }, TIME), false);
});

test("a file is opened only as the one that was looked at", async () => {
  const path = join(folder, "looked-at");
  await writeFile(path, "one");
  const state = await stat(path);
  await (await openAs(path, state)).close();
  await writeFile(join(folder, "other"), "one");
  await rename(join(folder, "other"), path);
  await assert.rejects(openAs(path, state), refused(503));
  await unlink(path);
  await assert.rejects(openAs(path, state), refused(404));
});

test("what has become a link, a pipe or a directory meanwhile is not opened, nor waited for", {
  skip: onWindows("has no named pipes in its folders"),
}, async () => {
  const path = join(folder, "becomes");
  await writeFile(path, "one");
  const state = await stat(path);
  await unlink(path);
  await symlink("looked-at", path);
  await assert.rejects(openAs(path, state), refused(404));
  await unlink(path);
  execFileSync("mkfifo", [path]);
  await assert.rejects(openAs(path, state), refused(503));
  await assert.rejects(readSmall(path, 100), refused(404));
  await unlink(path);
  await assert.rejects(openAs(folder, state), refused(503));
  await assert.rejects(readSmall(folder, 1e6), refused(404));
});

test("a small file is read in one go, a larger one is not read", async () => {
  const path = join(folder, "small");
  await writeFile(path, "0123456789");
  const { bytes, state } = await readSmall(path, 10);
  assert.equal(Buffer.from(bytes ?? []).toString(), "0123456789");
  assert.equal(state.size, 10);
  assert.equal((await readSmall(path, 9)).bytes, null);
  await writeFile(path, "");
  assert.equal((await readSmall(path, 0)).bytes?.length, 0);
});

test("the digest of a file is that of its octets, in each state of it", async () => {
  const path = join(folder, "large");
  await writeFile(path, Buffer.alloc(600_000, 1));
  assert.equal(await digestOfFile(path, await stat(path)), digestOf(Buffer.alloc(600_000, 1)));
  const old = new Date(TIME);
  await utimes(path, old, old);
  await appendFile(path, "x");
  assert.equal(
    await digestOfFile(path, await stat(path)),
    digestOf(Buffer.concat([Buffer.alloc(600_000, 1), Buffer.from("x")])),
  );
});

test("a directory that has become a link since the path was resolved leads nowhere", {
  skip: process.platform !== "linux" && "only Linux tells where an open file lies",
}, async () => {
  const base = await realpath(await mkdtemp(join(tmpdir(), "portico-swapped-")));
  try {
    for (const name of ["inside", "outside"]) {
      await mkdir(join(base, name));
      await writeFile(join(base, name, "f"), name);
    }
    const path = join(base, "inside", "f");
    assert.equal((await readSmall(path, 100)).bytes?.toString(), "inside");
    await rename(join(base, "inside"), join(base, "was"));
    await symlink(join(base, "outside"), join(base, "inside"));
    await assert.rejects(readSmall(path, 100), { status: 404 });
    await assert.rejects(openAs(path, await stat(path)), { status: 404 });
  } finally {
    await rm(base, { recursive: true });
  }
});

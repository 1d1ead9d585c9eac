import assert from "node:assert/strict";
import { appendFileSync } from "node:fs";
import { appendFile, mkdir, mkdtemp, realpath, rename, rm, stat, symlink, unlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { policyOf } from "./file-options.ts";
import { ServedFile, SMALL_BYTES } from "./served-file.ts";
import { SmallFiles } from "./small-files.ts";

// A day ahead, so that what was written just now cannot change unseen any more.
const TOMORROW = (): number => Date.now() + 86_400_000;
const MIB = 1_048_576;
const policy = policyOf({});
let folder = "";

before(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), "portico-small-")));
});
after(() => rm(folder, { recursive: true }));

async function served(path: string): Promise<ServedFile> {
  const resolved = await realpath(path);
  const state = await stat(resolved);
  return ServedFile.of({ path: resolved, state, shown: `/${path}`, beside: async () => null }, policy);
}

async function keep(files: SmallFiles, path: string): Promise<void> {
  files.keep(path, path, await served(path));
}

async function write(name: string, octets: string | Uint8Array): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, octets);
  return path;
}

function find(files: SmallFiles, key: string): Promise<string | null> {
  return new Promise((resolve) => {
    files.find(key, (file) => resolve(file === null ? null : Buffer.from(file.bytes as Uint8Array).toString()));
  });
}

test("a file that was kept is found as long as it is as it was", async () => {
  const files = new SmallFiles(MIB, TOMORROW);
  const path = await write("one", "one");
  assert.equal(await find(files, path), null);
  await keep(files, path);
  assert.equal(await find(files, path), "one");
  await appendFile(path, "!");
  assert.equal(await find(files, path), null);
  assert.deepEqual([files.has(path), files.size, files.held], [false, 0, 0]);
  await keep(files, path);
  assert.equal(await find(files, path), "one!");
  await unlink(path);
  assert.equal(await find(files, path), null);
  assert.equal(files.size, 0);
});

test("those who ask in one turn share a look that begins after the last of them, and sees what was changed before", async () => {
  const files = new SmallFiles(MIB, TOMORROW);
  const path = await write("shared", "old");
  await keep(files, path);
  assert.deepEqual(await Promise.all([find(files, path), find(files, path), find(files, path)]), ["old", "old", "old"]);
  const first = find(files, path);
  appendFileSync(path, "er"); // a later turn would be too late: the first has asked, and nobody has looked yet
  assert.deepEqual(await Promise.all([first, find(files, path)]), [null, null]);
});

test("another file in its place is seen, whatever its size and time", async () => {
  const files = new SmallFiles(MIB, TOMORROW);
  const path = await write("place", "old");
  await keep(files, path);
  await rename(await write("place.new", "new"), path);
  assert.equal(await find(files, path), null);
});

test("a link that is set to another release is seen", async () => {
  const files = new SmallFiles(MIB, TOMORROW);
  for (const release of ["release-1", "release-2"]) {
    await mkdir(join(folder, release));
    await write(`${release}/page`, release);
  }
  const current = join(folder, "current");
  await symlink("release-1", current);
  const path = join(current, "page");
  await keep(files, path);
  assert.equal(await find(files, path), "release-1");
  await symlink("release-2", join(folder, "next"));
  await rename(join(folder, "next"), current);
  assert.equal(await find(files, path), null);
});

test("a file that has just changed is not kept: another change might not show", async () => {
  const files = new SmallFiles(MIB);
  await keep(files, await write("fresh", "fresh"));
  assert.equal(files.size, 0);
});

test("large files are not kept", async () => {
  const files = new SmallFiles(MIB, TOMORROW);
  await keep(files, await write("large", Buffer.alloc(SMALL_BYTES + 1)));
  assert.equal(files.size, 0);
  await keep(files, await write("just", Buffer.alloc(SMALL_BYTES)));
  assert.equal(files.size, 1);
});

test("no more is held than may be, and what is not asked for goes first", async () => {
  const most = 100_000;
  const files = new SmallFiles(most, TOMORROW);
  const paths: string[] = [];
  for (let i = 0; i < 30; i++) paths.push(await write(`bounded-${i}`, Buffer.alloc(8000, i)));
  const favourite = paths[0] as string;
  for (const path of paths) {
    await keep(files, path);
    assert.notEqual(await find(files, favourite), null);
    assert.ok(files.held <= most && files.held > 0);
  }
  assert.ok(files.size >= 8 && files.size < 13, `${files.size} files`);
  assert.equal(files.has(paths[1] as string), false);
  assert.equal(files.has(paths[29] as string), true);
});

test("what goes while it is looked at is still found that once, and is not counted any more", async () => {
  const one = await write("goes-1", Buffer.alloc(8000));
  const two = await write("goes-2", Buffer.alloc(8000));
  const files = new SmallFiles(12_000, TOMORROW);
  await keep(files, one);
  const other = await served(two);
  const looks = [find(files, one), find(files, one)];
  files.keep(two, two, other);
  files.keep("third", two, other);
  for (const look of looks) assert.equal((await look)?.length, 8000);
  assert.deepEqual([files.has(one), files.size], [false, 1]);
  assert.ok(files.held <= 12_000 && files.held > 8000, `${files.held} octets`);
});

test("a file that alone is more than may be held is not kept", async () => {
  const files = new SmallFiles(5000, TOMORROW);
  await keep(files, await write("too-much", Buffer.alloc(4000)));
  assert.deepEqual([files.size, files.held], [0, 0]);
});

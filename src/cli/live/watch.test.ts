import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { FILE_SAVINGS, FOLDER_SAVINGS } from "../../../test/fixtures/saving.ts";
import { type Pace, type Watch, watchFiles } from "./watch.ts";

/** What is found then is found because the system told of it. */
const TOLD: Pace = { usual: 2 ** 31 - 1, missing: 50 };
const LOOKED: Pace = { usual: 50, missing: 50 };

class Watched {
  readonly folder: string;
  readonly file: string;
  readonly watch: Watch;
  /** What the file held when it was told last. */
  #text = "";
  #wake = (): void => {};

  private constructor(folder: string, file: string, pace: Pace) {
    this.folder = folder;
    this.file = file;
    const told = (): void => {
      try {
        this.#text = readFileSync(file, "utf8");
      } catch {
        this.#text = "";
      }
      this.#wake();
    };
    this.watch = watchFiles(new Set([file]), told, pace);
  }

  /** A file that is watched, and of which it was told that it is there. */
  static async make(t: TestContext, name: string, pace: Pace): Promise<Watched> {
    const folder = await realpath(await mkdtemp(join(tmpdir(), "portico-watch-")));
    const file = join(folder, name);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, "at first");
    const watched = new Watched(folder, file, pace);
    t.after(async () => {
      watched.watch.close();
      await rm(folder, { recursive: true });
    });
    await watched.hears("at first");
    return watched;
  }

  /** Resolves when it was told of the file while that held the text. */
  async hears(text: string): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const never = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`It was not told of: ${text}`)), 20_000);
    });
    try {
      while (this.#text !== text) {
        const told = new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        await Promise.race([never, told]);
      }
    } finally {
      clearTimeout(timer);
    }
  }
}

for (const { name, save, untold } of [...FILE_SAVINGS, ...FOLDER_SAVINGS]) {
  test(`a file that is saved again and again was not heard of any more: ${name}`, async (t) => {
    const watched = await Watched.make(t, "around/within/words.js", untold ? LOOKED : TOLD);
    for (const text of ["the first text", "the second text", "the third text", "the fourth text"]) {
      await save(watched.file, text);
      await watched.hears(text);
    }
  });
}

test("a file behind a link is heard of where it is", async (t) => {
  const watched = await Watched.make(t, "words.js", TOLD);
  const target = join(watched.folder, "elsewhere", "target.js");
  await mkdir(dirname(target));
  await writeFile(target, "behind a link");
  await rm(watched.file);
  await symlink(target, watched.file);
  await watched.hears("behind a link");
  for (const { name, save } of FILE_SAVINGS) {
    await save(target, name);
    await watched.hears(name);
  }
});

test("a file that comes after its directory is waited for", async (t) => {
  const watched = await Watched.make(t, "words.js", TOLD);
  await rm(watched.file);
  await watched.hears("");
  await writeFile(watched.file, "here again");
  await watched.hears("here again");
});

test("a file is heard of again that was let go of and is kept again", async (t) => {
  const watched = await Watched.make(t, "words.js", TOLD);
  watched.watch.keep(new Set([join(watched.folder, "other.js")]));
  watched.watch.keep(new Set([watched.file]));
  await writeFile(watched.file, "kept again");
  await watched.hears("kept again");
});

test("a file that is written all the time was not heard of before it came to rest", async (t) => {
  const watched = await Watched.make(t, "words.js", TOLD);
  let heard = false;
  const written = (async () => {
    while (!heard) await writeFile(watched.file, "all the time");
  })();
  await watched.hears("all the time");
  heard = true;
  await written;
});

/** What the kernel watches for this process. */
async function watchesOpen(): Promise<number> {
  let count = 0;
  for (const fd of await readdir("/proc/self/fdinfo")) {
    const info = await readFile(`/proc/self/fdinfo/${fd}`, "utf8").catch(() => "");
    count += info.match(/^inotify wd:/gm)?.length ?? 0;
  }
  return count;
}

test("a watch that is closed keeps nothing open, whatever it was doing", {
  skip: process.platform === "linux" ? false : "only Linux says what is watched",
}, async (t) => {
  const watched = await Watched.make(t, "words.js", TOLD);
  assert.equal(await watchesOpen(), 1);
  for (let turns = 0; turns < 40; turns++) {
    const watch = watchFiles(new Set([watched.file]), () => assert.fail("it is closed"));
    for (let turn = 0; turn < turns; turn++) await new Promise(setImmediate);
    watch.close();
  }
  watched.watch.close();
  while ((await watchesOpen()) > 0) await new Promise(setImmediate);
});

test("a directory that nothing is wanted of any more was watched on", {
  skip: process.platform === "linux" ? false : "only Linux says what is watched",
}, async (t) => {
  const watched = await Watched.make(t, "within/words.js", TOLD);
  const other = join(watched.folder, "other.js");
  watched.watch.keep(new Set([watched.file, other]));
  while ((await watchesOpen()) !== 2) await new Promise(setImmediate);
  watched.watch.keep(new Set([other]));
  while ((await watchesOpen()) !== 1) await new Promise(setImmediate);
});

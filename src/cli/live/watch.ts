// Watches files, those that are not there yet too, and tells when they have come to rest.
import { stat } from "node:fs/promises";
import type { FSWatcher } from "chokidar";

/** An editor writes a file in several steps, and several files at once. Milliseconds. */
const REST = 50;
/** How often is looked for a file that is not there: only a load that has failed for want of it waits for one. Milliseconds. */
const LOOK = 250;

export interface Watch {
  /** Watches these files from now on, and no others. */
  keep(files: ReadonlySet<string>): void;
  close(): Promise<void>;
}

/** Resolves when it really watches. */
export async function watchFiles(files: ReadonlySet<string>, changed: () => void): Promise<Watch> {
  const { watch } = await import("chokidar");
  // The event that a file is there comes when it is watched: what it became between being read and that is looked at then.
  const watcher: FSWatcher = watch([...files], { ignoreInitial: false, atomic: true });
  let resting: NodeJS.Timeout | undefined;
  const soon = (): void => {
    clearTimeout(resting);
    resting = setTimeout(changed, REST);
  };
  watcher.on("all", soon);
  // A program without watching is better than none: the system may have no watches left.
  watcher.on("error", (error) => process.emitWarning(`Watching failed: ${(error as Error).message}`));
  await new Promise<void>((resolve) => watcher.once("ready", resolve));

  let wanted = new Set(files);
  const watched = new Set(files);
  let looking: NodeJS.Timeout | undefined;
  // The watcher would miss a file that comes while it turns from the file to its directory.
  const look = async (): Promise<void> => {
    let missing = false;
    for (const file of wanted) {
      if ((await stat(file).catch(() => undefined)) === undefined) {
        watched.delete(file);
        missing = true;
      } else if (!watched.has(file)) {
        watched.add(file);
        watcher.add(file);
      }
    }
    clearTimeout(looking);
    if (missing && !watcher.closed) looking = setTimeout(() => void look(), LOOK);
  };
  return {
    keep(next) {
      for (const file of watched) {
        if (next.has(file)) continue;
        watched.delete(file);
        watcher.unwatch(file);
      }
      wanted = new Set(next);
      void look();
    },
    close() {
      clearTimeout(resting);
      clearTimeout(looking);
      return watcher.close();
    },
  };
}

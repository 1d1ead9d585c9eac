// The folder that the servers of the static row serve: one page of 10 KB, made anew by each of them and removed when it leaves.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PAGE, PAGE_NAME } from "./content.ts";

export function makeSite(): string {
  const folder = mkdtempSync(join(tmpdir(), "portico-bench-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, PAGE_NAME), PAGE);
  return folder;
}

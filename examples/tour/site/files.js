// Asks for a part of a file, for a file that has not changed, and for one that is not to be had.
import { byId } from "./read.js";

const FILE = "/browse/tour.ts";
const FIELDS = ["content-range", "content-length", "content-type", "etag", "last-modified"];

async function ask(path, headers = {}) {
  const answer = await fetch(path, { headers, cache: "no-store" });
  const text = await answer.text();
  const fields = FIELDS.filter((name) => answer.headers.has(name)).map(
    (name) => `${name}: ${answer.headers.get(name)}`,
  );
  return [`${answer.status} ${answer.statusText}`, ...fields, "", text].join("\n").trimEnd();
}

function on(id, request) {
  byId(id).addEventListener("click", async () => {
    byId("answer").textContent = await request().catch(() => "The server has gone.");
  });
}

on("part", () => ask(FILE, { Range: "bytes=0-79" }));
on("again", async () => {
  const { headers } = await fetch(FILE, { method: "HEAD", cache: "no-store" });
  return ask(FILE, { "If-None-Match": headers.get("etag") });
});
on("out", () => ask("/browse/..%2f..%2f..%2fetc/passwd"));

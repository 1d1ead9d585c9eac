// A few requests to send, and what comes back of each.
import { byId } from "./read.js";

const TRIES = [
  { method: "HEAD", path: "/style.css", says: "The fields of a GET, its length too, and no body." },
  {
    method: "GET",
    path: "/style.css",
    known: true,
    says: "With the tag that was just given: nothing has changed, so 304.",
  },
  { method: "GET", path: "/nowhere", says: "Nothing is there." },
  { method: "DELETE", path: "/style.css", says: "A file can be read, and that is all: 405, and Allow says what is." },
  { method: "OPTIONS", path: "/", says: "What may be asked of it, without asking for it." },
  { method: "GET", path: "/..%2f..%2fetc/passwd", says: "A way out of the folder, which does not lead out of it." },
];

const FIELDS = ["allow", "content-type", "content-length", "etag", "last-modified", "cache-control"];

for (const each of TRIES) byId("tries").append(item(each));

// Where this page came from is where the commands below should go.
for (const place of document.querySelectorAll(".here")) {
  const between = place.textContent.includes(":") ? ":" : " ";
  place.textContent = `${location.hostname}${between}${location.port || 80}`;
}

function item({ method, path, known, says }) {
  const made = document.createElement("li");
  made.className = "box";
  const line = document.createElement("div");
  const title = document.createElement("strong");
  title.className = "mono";
  title.textContent = `${method} ${path}${known ? "  If-None-Match" : ""}`;
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Send";
  const text = document.createElement("p");
  text.textContent = says;
  line.append(title, button);
  made.append(line, text);
  button.addEventListener("click", async () => {
    const shown = made.querySelector("pre") ?? made.appendChild(document.createElement("pre"));
    shown.textContent = "…";
    shown.textContent = await ask(method, path, known).catch(() => "The server has gone.");
  });
  return made;
}

async function ask(method, path, known) {
  const headers = known ? { "If-None-Match": (await fetch(path, { method: "HEAD" })).headers.get("etag") } : {};
  // no-store: the browser's cache would turn the 304 into the 200 that it remembers.
  const answer = await fetch(path, { method, headers, cache: "no-store" });
  const lines = FIELDS.filter((name) => answer.headers.has(name)).map((name) => `${name}: ${answer.headers.get(name)}`);
  return [`${answer.status} ${answer.statusText}`, ...lines].join("\n");
}

// Asks for the stream and shows each piece with the time at which it came.
import { byId, linesOf } from "./read.js";

let leave = new AbortController();

byId("start").addEventListener("click", async () => {
  leave = new AbortController();
  const list = byId("pieces");
  list.replaceChildren();
  running(true);
  byId("status").textContent = "Receiving…";
  const asked = performance.now();
  try {
    for await (const line of linesOf(await fetch("/api/stream", { signal: leave.signal }))) {
      list.append(piece(line, performance.now() - asked));
    }
    byId("status").textContent = `${list.children.length} pieces, complete.`;
  } catch (error) {
    const left = error.name === "AbortError";
    byId("status").textContent = left ? "You left; the server has stopped too." : "The server has gone.";
  }
  running(false);
});

byId("stop").addEventListener("click", () => leave.abort());

function running(yes) {
  byId("start").disabled = yes;
  byId("stop").disabled = !yes;
}

function piece(line, after) {
  const item = document.createElement("li");
  const [time, text, bytes] = ["time", "span", "small"].map((name) => document.createElement(name));
  time.textContent = `+${Math.round(after)} ms`;
  text.textContent = line;
  bytes.textContent = `${new TextEncoder().encode(line).length + 1} B`;
  item.append(time, text, bytes);
  return item;
}

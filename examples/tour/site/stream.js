// Asks for the stream and shows each piece with the time at which it came.
import { piece } from "./pieces.js";
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

// Starts a process on the server and shows its lines; leaving ends it.
import { piece } from "./pieces.js";
import { byId, linesOf } from "./read.js";

let leave = new AbortController();

byId("start").addEventListener("click", async () => {
  leave = new AbortController();
  byId("pieces").replaceChildren();
  running(true);
  byId("status").textContent = "Running…";
  const asked = performance.now();
  try {
    for await (const line of linesOf(await fetch("/api/process", { signal: leave.signal }))) {
      byId("pieces").append(piece(line, performance.now() - asked));
    }
    byId("status").textContent = "It has ended.";
  } catch (error) {
    byId("status").textContent = error.name === "AbortError" ? "You left, and it was ended." : "The server has gone.";
  }
  running(false);
});

byId("stop").addEventListener("click", () => leave.abort());

function running(yes) {
  byId("start").disabled = yes;
  byId("stop").disabled = !yes;
}

// Follows the list of connections and shows it as a table; opens more connections by asking for slow answers.
import { byId, duration, linesOf, size } from "./read.js";

let extra = new AbortController();
let opened = 0;

byId("open").addEventListener("click", async () => {
  opened++;
  byId("close").disabled = false;
  try {
    const answer = await fetch("/api/stream", { signal: extra.signal, cache: "no-store" });
    for await (const _ of linesOf(answer));
  } catch {
    // It was closed: that is what the other button is for.
  }
  if (--opened === 0) byId("close").disabled = true;
});

byId("close").addEventListener("click", () => {
  extra.abort();
  extra = new AbortController();
});

async function follow() {
  for await (const line of linesOf(await fetch("/api/connections"))) {
    const connections = JSON.parse(line);
    byId("rows").replaceChildren(...connections.map(row));
    byId("status").textContent = connections.length === 1 ? "1 connection" : `${connections.length} connections`;
  }
}

function row({ peer, age, phase, request, received, sent }) {
  const made = document.createElement("tr");
  if (request === "GET /api/connections") made.className = "own";
  made.append(
    cell(peer, "mono"),
    cell(phase, `phase ${phase}`),
    cell(request ?? "", "mono"),
    cell(duration(age), "number", "Age"),
    cell(size(received), "number", "Received"),
    cell(size(sent), "number", "Sent"),
  );
  return made;
}

/** @param name of its column, for where there is no room for a head. */
function cell(text, kind, name = "") {
  const made = document.createElement("td");
  made.textContent = text;
  made.className = kind;
  made.dataset.name = name;
  return made;
}

function again() {
  byId("status").textContent = "The server has gone; asking again…";
  setTimeout(() => follow().then(again, again), 2000);
}

follow().then(again, again);

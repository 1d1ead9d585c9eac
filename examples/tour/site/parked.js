// Waits on a request that is answered when there is a message, and then waits on the next.
import { piece } from "./pieces.js";
import { byId } from "./read.js";

const opened = performance.now();
let next = 0;

async function follow() {
  byId("status").textContent = "Parked.";
  const answer = await fetch(`/api/wait?from=${next}`, { cache: "no-store" });
  if (!answer.ok) throw new Error(String(answer.status));
  const { next: after, messages } = await answer.json();
  for (const text of messages) byId("pieces").append(piece(text, performance.now() - opened));
  next = after;
}

async function forever() {
  for (;;) {
    try {
      await follow();
    } catch {
      byId("status").textContent = "The server has gone; asking again…";
      await new Promise((resolve) => setTimeout(resolve, 2000));
    }
  }
}

byId("say").addEventListener("submit", async (event) => {
  event.preventDefault();
  const text = byId("text").value;
  byId("text").value = "";
  await fetch("/api/say", { method: "POST", body: new URLSearchParams({ text }) }).catch(() => {});
});

void forever();

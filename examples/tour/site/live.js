// Asks one handler ten times a second, and has it replaced.
import { byId } from "./read.js";

let answers = 0;
let failed = 0;

async function ask() {
  try {
    const answer = await fetch("/api/greeting");
    const { words, version } = await answer.json();
    answers++;
    byId("said").textContent = words;
    byId("version").textContent = version;
  } catch {
    failed++;
  }
  byId("answers").textContent = answers.toLocaleString("en");
  byId("failed").textContent = failed;
  setTimeout(() => void ask(), 100);
}

byId("redefine").addEventListener("submit", async (event) => {
  event.preventDefault();
  const body = new URLSearchParams({ words: byId("words").value });
  const answer = await fetch("/api/greeting", { method: "POST", body }).catch(() => undefined);
  byId("status").textContent = answer?.ok ? `Version ${(await answer.json()).version} is in force.` : "It was refused.";
});

void ask();

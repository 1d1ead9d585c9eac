// Sends the form and shows what came back; marks the fields that the server names.
import { byId } from "./read.js";

const form = byId("form");

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const body = new URLSearchParams(new FormData(form));
  try {
    const answer = await fetch(form.action, { method: "POST", body, headers: { Accept: "application/json" } });
    const value = await answer.json();
    byId("status").textContent = `${answer.status}, ${answer.headers.get("content-type")}`;
    byId("answer").textContent = JSON.stringify(value, null, 2);
    mark(value.errors ?? value.issues ?? []);
  } catch {
    byId("status").textContent = "The server has gone.";
  }
});

function mark(issues) {
  for (const input of form.querySelectorAll("input")) {
    const issue = issues.find(({ parameter }) => parameter === input.name);
    input.setCustomValidity(issue?.reason ?? "");
    input.setAttribute("aria-invalid", String(issue !== undefined));
  }
}

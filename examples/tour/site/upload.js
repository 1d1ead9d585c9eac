// Sends a file, and shows what the server says of it on another answer meanwhile.
import { byId, duration, linesOf, size } from "./read.js";

const drop = byId("drop");

byId("file").addEventListener("change", ({ target }) => {
  if (target.files.length > 0) void send(target.files[0], target.files[0].name);
  target.value = "";
});
byId("made-up").addEventListener("click", () => send(new Blob([new Uint8Array(64 * 1024 * 1024)]), "64 MiB of zeros"));
drop.addEventListener("dragover", (event) => {
  event.preventDefault();
  drop.classList.add("over");
});
drop.addEventListener("dragleave", () => drop.classList.remove("over"));
drop.addEventListener("drop", (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  const [file] = event.dataTransfer.files;
  if (file !== undefined) void send(file, file.name);
});

async function send(body, title) {
  const name = `${Date.now()}-${Math.random().toString(36).slice(2)}`;
  busy(true);
  byId("status").textContent = `Sending ${title}…`;
  try {
    // The count is followed before the upload begins, so that nothing of it is missed.
    const counts = linesOf(await fetch(`/api/progress?name=${name}`));
    await counts.next();
    const started = performance.now();
    const answer = fetch(`/api/upload?name=${name}`, { method: "PUT", body });
    const following = follow(counts, body.size, started);
    const { bytes, pieces, milliseconds } = await (await answer).json();
    await following;
    show(bytes, pieces, milliseconds, body.size);
    byId("status").textContent = `${title}: all ${bytes.toLocaleString("en")} bytes have arrived.`;
  } catch {
    byId("status").textContent = "The upload was broken off.";
  }
  busy(false);
}

async function follow(counts, total, started) {
  for await (const line of counts) {
    const { bytes, pieces } = JSON.parse(line);
    show(bytes, pieces, performance.now() - started, total);
  }
}

function show(bytes, pieces, milliseconds, total) {
  byId("progress").value = total === 0 ? 1 : bytes / total;
  byId("bytes").textContent = size(bytes);
  byId("pieces").textContent = pieces.toLocaleString("en");
  byId("time").textContent = milliseconds < 1000 ? `${Math.round(milliseconds)} ms` : duration(milliseconds);
  byId("speed").textContent = milliseconds < 1 ? "–" : `${size((bytes / milliseconds) * 1000)}/s`;
}

function busy(yes) {
  byId("file").disabled = yes;
  byId("made-up").disabled = yes;
}

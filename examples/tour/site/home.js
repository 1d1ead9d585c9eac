// The numbers of the server that this page came from, every two seconds while the page is looked at.
import { byId, duration } from "./read.js";

const shown = { uptime: (seconds) => duration(seconds * 1000).replace(".0", "") };

async function show() {
  if (!document.hidden) {
    const about = await (await fetch("/api/about")).json();
    for (const place of byId("numbers").querySelectorAll("[data-number]")) {
      const { number } = place.dataset;
      place.textContent = (shown[number] ?? String)(about[number]);
    }
  }
  setTimeout(() => show().catch(gone), 2000);
}

function gone() {
  for (const place of byId("numbers").querySelectorAll("[data-number]")) place.textContent = "–";
  setTimeout(() => show().catch(gone), 5000);
}

show().catch(gone);

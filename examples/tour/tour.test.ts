// The tour as a visitor sees it: in Chromium where there is one, and its answers without.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import net from "node:net";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { PAGES } from "./layout.ts";
import { tour } from "./tour.ts";

const PLACES = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const executablePath = PLACES.find((path) => path !== undefined && path !== "" && existsSync(path));
const skip = executablePath === undefined && "No Chromium is installed (CHROMIUM names one that is elsewhere)";

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
];

const app = tour();
let base = "";
let browser: Browser | undefined;

before(async () => {
  await app.listen(0);
  base = app.url as string;
  if (executablePath !== undefined) browser = await chromium.launch({ executablePath, args: FLAGS });
});
after(async () => {
  await browser?.close();
  await app.close({ mode: "abort" });
});

/** Opens a page and uses it; whatever it logs as an error, and whatever it asks of anybody else, fails the test. */
async function visit(path: string, use: (page: Page) => Promise<void>, options?: BrowserContextOptions): Promise<void> {
  const context = await (browser as Browser).newContext(options);
  const page = await context.newPage();
  const wrong: string[] = [];
  page.on("request", (request) => {
    if (!request.url().startsWith(base)) wrong.push(`asked for ${request.url()}`);
  });
  page.on("pageerror", (error) => wrong.push(error.message));
  page.on("console", (message) => {
    // That a request was answered with 400, 404 or 405 is what it was sent for.
    const expected = /responded with a status of 40[045]/.test(message.text()) && ["answers/", "form/"].includes(path);
    if (message.type() === "error" && !expected) wrong.push(message.text());
  });
  try {
    await page.goto(base + path);
    await use(page);
    assert.deepEqual(wrong, []);
  } finally {
    await context.close();
  }
}

/** Resolves when a process has ended: looked for, because nobody here is told of it. */
async function gone(pid: number): Promise<void> {
  for (;;) {
    try {
      process.kill(pid, 0);
    } catch {
      return;
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function shows(page: Page, selector: string, pattern: RegExp): Promise<string> {
  const place = page.locator(selector).filter({ hasText: pattern }).first();
  await place.waitFor();
  return (await place.textContent()) ?? "";
}

test("the first page says what this is, shows live numbers and leads everywhere", { skip }, async () => {
  await visit("", async (page) => {
    await shows(page, "h1", /A web server that lives inside your program/);
    await shows(page, '[data-number="requests"]', /^\d+$/);
    await shows(page, '[data-number="node"]', /^v\d+\./);
    for (const part of PAGES.slice(1).map(({ name }) => name)) {
      await page.goto(base);
      await page.click(`.parts a[href="/${part}/"]`);
      await page.waitForURL(`${base}${part}/`);
      assert.equal(await page.locator("nav a[aria-current]").getAttribute("href"), `/${part}/`);
    }
  });
});

test("a streamed answer is seen piece by piece, and can be left", { skip }, async () => {
  await visit("stream/", async (page) => {
    await page.click("#start");
    await shows(page, "#pieces li:nth-child(2)", /^\+\d+ ms/);
    assert.match(await shows(page, "#status", /./), /Receiving/);
    await page.click("#stop");
    await shows(page, "#status", /You left; the server has stopped too/);
    await page.click("#start");
    await shows(page, "#status", /^11 pieces, complete\.$/);
    const times = await page.locator("#pieces time").allTextContents();
    const [first = 0, last = 0] = [times.at(0), times.at(-1)].map((time) => Number(/\d+/.exec(time ?? "")));
    assert.ok(last - first >= 10 * 300, `All came within ${last - first} ms`);
  });
});

test("an upload is counted by the server while it arrives", { skip }, async () => {
  await visit("upload/", async (page) => {
    const buffer = Buffer.alloc(3_000_000, "x");
    await page.setInputFiles("#file", { name: "some.bin", mimeType: "application/octet-stream", buffer });
    await shows(page, "#status", /^some\.bin: all 3,000,000 bytes have arrived\.$/);
    assert.equal(await page.textContent("#bytes"), "2.9 MiB");
    assert.ok(Number((await page.textContent("#pieces"))?.replace(",", "")) > 1);
    assert.match(await shows(page, "#speed", /\/s$/), /^[\d.]+ [KMG]iB\/s$/);
    await page.click("#made-up");
    await shows(page, "#status", /all 67,108,864 bytes have arrived/);
  });
});

test("the live connections are listed, this one among them, and come and go", { skip }, async () => {
  await visit("connections/", async (page) => {
    await shows(page, "tr.own td:nth-child(1)", /^127\.0\.0\.1:\d+$/);
    await shows(page, "tr.own td:nth-child(2)", /^active$/);
    await page.click("#open");
    await shows(page, "tr td:nth-child(3)", /^GET \/api\/stream$/);
    await page.click("#close");
    await page.locator("tr", { hasText: "/api/stream" }).waitFor({ state: "detached" });
  });
});

test("the plain answers are what they are said to be", { skip }, async () => {
  await visit("answers/", async (page) => {
    const expected = [/^200 OK.*content-length: \d+/s, /^304 /, /^404 /, /^405 .*allow: GET, HEAD/s, /^204 /, /^404 /];
    assert.equal(await page.locator("#tries li").count(), expected.length);
    for (const [i, pattern] of expected.entries()) {
      const item = page.locator("#tries li").nth(i);
      await item.getByRole("button").click();
      await item.locator("pre", { hasText: pattern }).waitFor();
    }
    assert.ok((await page.textContent("main"))?.includes(`nc 127.0.0.1 ${new URL(base).port}`));
  });
});

test("a form is read by its types, and what is wrong is named", { skip }, async () => {
  await visit("form/", async (page) => {
    await page.getByRole("button", { name: "Send" }).click();
    assert.match(await shows(page, "#answer", /greeting/), /Hello, Ada!.*"colour": "green".*"Turin"/s);
    await page.fill('[name="born"]', "long ago");
    await page.fill('[name="name"]', "");
    await page.getByRole("button", { name: "Send" }).click();
    assert.match(await shows(page, "#status", /^400/), /application\/problem\+json/);
    for (const name of ["born", "name"]) {
      assert.equal(await page.locator(`[name="${name}"]`).getAttribute("aria-invalid"), "true");
    }
    assert.equal(await page.locator('[name="colour"]').getAttribute("aria-invalid"), "false");
  });
});

test("the files of the tour can be looked around in, in parts, and not left", { skip }, async () => {
  await visit("files/", async (page) => {
    await page.click("#part");
    await shows(page, "#answer", /^206 .*content-range: bytes 0-79\/\d+/s);
    await page.click("#again");
    await shows(page, "#answer", /^304 /);
    await page.click('a[href="/browse/"]');
    await page.click('a[href="tour.ts"], a[href="/browse/tour.ts"], a[href="./tour.ts"]');
    await page.waitForURL(`${base}browse/tour.ts`);
  });
  assert.equal((await fetch(`${base}browse/..%2f..%2f..%2fetc/passwd`)).status, 404);
});

test("a process is seen while it runs, and ended when it is left", { skip }, async () => {
  await visit("process/", async (page) => {
    await page.click("#start");
    const line = await shows(page, "#pieces li:nth-child(2) span", /2 of 20/);
    const pid = Number(/process (\d+)/.exec(line)?.[1]);
    process.kill(pid, 0); // it is there
    await page.click("#stop");
    await shows(page, "#status", /You left, and it was ended/);
    await gone(pid);
  });
});

test("two windows talk without polling", { skip }, async () => {
  await visit("parked/", async (page) => {
    const other = await page.context().newPage();
    await other.goto(`${base}parked/`);
    await shows(other, "#status", /Parked/);
    await page.fill("#text", "Is anybody there?");
    await page.click("#say button");
    await shows(other, "#pieces li span", /^Is anybody there\?$/);
    await shows(page, "#pieces li span", /^Is anybody there\?$/);
  });
});

test("a handler is replaced while it is asked, and no request fails", { skip }, async () => {
  await visit("live/", async (page) => {
    await shows(page, "#said", /^Hello$/);
    await page.fill("#words", "Buongiorno");
    await page.click("#redefine button");
    await shows(page, "#said", /^Buongiorno$/);
    await shows(page, "#status", /Version 2 is in force/);
    assert.equal(await page.textContent("#failed"), "0");
  });
});

test("no page is wider than a phone, in light or dark", { skip }, async () => {
  for (const path of PAGES.map((each) => each.path.slice(1))) {
    for (const colorScheme of ["light", "dark"] as const) {
      const options = { viewport: { width: 360, height: 700 }, colorScheme };
      const measure = async (page: Page): Promise<void> => {
        for (const button of await page.locator("#tries button").all()) await button.click();
        const widths = await page.evaluate("[document.documentElement.scrollWidth, innerWidth]");
        assert.deepEqual(widths, [360, 360], path);
      };
      await visit(path, measure, options);
    }
  }
});

test("an upload tells its count to who follows it", async () => {
  const counts = await fetch(`${base}api/progress?name=a`);
  const lines = (counts.body as ReadableStream<Uint8Array>).pipeThrough(new TextDecoderStream()).getReader();
  assert.deepEqual(JSON.parse((await lines.read()).value ?? ""), { bytes: 0, pieces: 0, state: "waiting" });
  const answer = await fetch(`${base}api/upload?name=a`, { method: "PUT", body: "x".repeat(100_000) });
  assert.equal(((await answer.json()) as { bytes: number }).bytes, 100_000);
  let rest = "";
  for (let piece = await lines.read(); !piece.done; piece = await lines.read()) rest += piece.value;
  const last = JSON.parse(rest.trim().split("\n").at(-1) ?? "");
  assert.deepEqual([last.bytes, last.state], [100_000, "done"]);
});

test("a hint goes out ahead of its answer", async () => {
  const socket = net.connect(Number(new URL(base).port), "127.0.0.1");
  socket.write("GET /api/hints HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  let answer = "";
  for await (const text of socket.setEncoding("latin1")) answer += text;
  assert.match(answer, /^HTTP\/1\.1 103 Early Hints\r\nLink: .*\r\n\r\nHTTP\/1\.1 200 OK\r\n/);
});

test("a taken port is one line, and 1", async () => {
  const main = fileURLToPath(new URL("./main.js", import.meta.url));
  const env = { ...process.env, PORT: new URL(base).port };
  const child = spawn(process.execPath, [main], { env, stdio: ["ignore", "ignore", "pipe"] });
  let err = "";
  child.stderr.setEncoding("utf8").on("data", (text) => (err += text));
  const [code] = await once(child, "close");
  assert.equal(code, 1);
  assert.match(err, /^Port \d+ is taken: .*\n$/);
});

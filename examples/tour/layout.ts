// What every page of the tour has around its own part: the head, the ways to the other pages, the foot. The part itself is a plain
// file and needs no build: what is edited is seen on the next reload.
import { readFile } from "node:fs/promises";
import { type Answer, html, raw } from "portico";

interface Page {
  readonly name: string;
  readonly path: string;
  readonly label: string;
}

const page = (name: string, label: string): Page => ({ name, path: name === "home" ? "/" : `/${name}/`, label });

/** In the order in which they are linked. */
export const PAGES: readonly Page[] = [
  page("home", "Start"),
  page("stream", "Stream"),
  page("upload", "Upload"),
  page("form", "Form"),
  page("files", "Files"),
  page("process", "Process"),
  page("parked", "Parked"),
  page("live", "Live"),
  page("connections", "Connections"),
  page("answers", "Answers"),
];

const parts = new URL("../../../examples/tour/pages/", import.meta.url);

export async function show({ name, path, label }: Page): Promise<Answer> {
  const part = await readFile(new URL(`${name}.html`, parts), "utf8");
  const links = PAGES.map((each) => {
    const current = each.path === path ? raw(' aria-current="page"') : "";
    return html`<a href="${each.path}"${current}>${each.label}</a>\n        `;
  });
  return html`<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>${name === "home" ? "Portico" : `${label} · Portico`}</title>
    <link rel="icon" href="/portico.svg" type="image/svg+xml">
    <link rel="stylesheet" href="/style.css">
    <script type="module" src="/${name}.js"></script>
  </head>
  <body>
    <header>
      <a class="name" href="/"><img src="/portico.svg" alt="">Portico</a>
      <nav aria-label="The tour">
        ${links}
      </nav>
    </header>
    <main>
${raw(part)}
    </main>
    <footer>Everything here came from an HTTP/1.1 engine inside one Node program. Nothing was loaded from elsewhere.</footer>
  </body>
</html>
`;
}

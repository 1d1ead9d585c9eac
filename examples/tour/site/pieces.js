// One line of an answer with the time at which it came.
export function piece(line, after) {
  const item = document.createElement("li");
  const [time, text, bytes] = ["time", "span", "small"].map((name) => document.createElement(name));
  time.textContent = `+${Math.round(after)} ms`;
  text.textContent = line;
  bytes.textContent = `${new TextEncoder().encode(line).length + 1} B`;
  item.append(time, text, bytes);
  return item;
}

// The output of another program as an answer: started without a shell, slowed down by a slow reader, ended when the reader leaves.
import { type Handler, serverOf } from "portico";
import { spawn } from "portico/handlers";

const COUNT = `
  let n = 0;
  const timer = setInterval(() => {
    console.log(++n + " of 20, from process " + process.pid);
    if (n === 20) clearInterval(timer);
  }, 250);
`;

export const count: Handler = (request) =>
  spawn(request, process.execPath, ["-e", COUNT], { signal: serverOf(request).draining });

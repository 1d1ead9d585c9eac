import assert from "node:assert/strict";
import { test } from "node:test";
import type { EventType, Role, State } from "../events.ts";
import { CLOSED, Cycle, DATA, ENDED, INFORMATIONAL, JOINT, REQUEST, RESPONSE, TABLES } from "./state.ts";

const EVENTS: Readonly<Record<EventType, number>> = {
  request: REQUEST,
  informational: INFORMATIONAL,
  response: RESPONSE,
  data: DATA,
  end: ENDED,
  closed: CLOSED,
};

type Move = `${"c" | "s"}:${EventType}` | "accept" | "decline" | "propose" | "close" | "fail-client" | "fail-server";

function after(moves: readonly Move[]): Cycle {
  const cycle = new Cycle();
  for (const move of moves) assert.notEqual(apply(cycle, move), false, `${moves.join(" ")}: ${move}`);
  return cycle;
}

function apply(cycle: Cycle, move: Move): boolean | undefined {
  switch (move) {
    case "accept":
      return void cycle.accept();
    case "decline":
      return void cycle.decline();
    case "propose":
      cycle.proposed = true;
      return;
    case "close":
      cycle.keepAlive = false;
      return;
    case "fail-client":
      return void cycle.fail("client");
    case "fail-server":
      return void cycle.fail("server");
    default: {
      const event = EVENTS[move.slice(2) as EventType];
      return move.startsWith("c") ? cycle.stepClient(event) : cycle.stepServer(event);
    }
  }
}

// A way to each state of each role. The other role's state is what the tables make of it.
const WAYS: Readonly<Record<Role, Readonly<Partial<Record<State, readonly Move[]>>>>> = {
  client: {
    idle: [],
    "send-body": ["c:request"],
    done: ["c:request", "c:end"],
    "must-close": ["close", "c:request", "c:end"],
    closed: ["c:closed"],
    "might-switch": ["c:request", "propose", "c:end"],
    switched: ["c:request", "propose", "c:end", "s:response", "accept"],
    error: ["fail-client"],
  },
  server: {
    idle: [],
    "send-response": ["c:request"],
    "send-body": ["c:request", "s:response"],
    done: ["c:request", "s:response", "s:end"],
    "must-close": ["close", "c:request", "s:response", "s:end"],
    closed: ["s:closed"],
    switched: ["c:request", "propose", "c:end", "s:response", "accept"],
    error: ["fail-server"],
  },
};

for (const role of ["client", "server"] as const) {
  for (const [state, moves] of Object.entries(WAYS[role]) as [State, readonly Move[]][]) {
    test(`a ${role} in "${state}" may say what its row of the table has, and nothing else`, () => {
      for (const event of Object.keys(EVENTS) as EventType[]) {
        const cycle = after(moves);
        assert.equal(cycle[role], state);
        const expected = TABLES[role][state][event];
        // The request is the client's event; that the server's row names it says what it does to the server.
        if (role === "server" && event === "request") continue;
        const allowed = role === "client" ? cycle.stepClient(EVENTS[event]) : cycle.stepServer(EVENTS[event]);
        assert.equal(allowed, expected !== undefined, `${event} in ${state}`);
        if (expected === undefined) assert.equal(cycle[role], state, "what is refused changes nothing");
        else if (settled(cycle, role, expected)) assert.equal(cycle[role], expected, `${event} in ${state}`);
      }
    });
  }
}

/** Whether neither the joint table nor keepAlive has a say in the state that the table leads to. */
function settled(cycle: Cycle, role: Role, to: State): boolean {
  if (to === "done" && !cycle.keepAlive) return false;
  const [client, server] = role === "client" ? [to, cycle.server] : [cycle.client, to];
  return JOINT[client]?.[server]?.[0] !== role;
}

test("every state of both tables is one that a test reaches, or one that the role is never in", () => {
  const unreached = (role: Role): string[] =>
    Object.keys(TABLES[role]).filter((state) => WAYS[role][state as State] === undefined);
  assert.deepEqual([unreached("client"), unreached("server")], [["send-response"], ["might-switch"]]);
});

test("the request of the client puts the server in the position to answer", () => {
  assert.equal(after(["c:request"]).server, "send-response");
});

const JOINED: readonly (readonly [name: string, moves: readonly Move[], client: State, server: State])[] = [
  ["both done", ["c:request", "c:end", "s:response", "s:end"], "done", "done"],
  ["answered before the request has ended", ["c:request", "s:response", "s:end", "c:end"], "done", "done"],
  ["not kept alive", ["close", "c:request", "c:end", "s:response", "s:end"], "must-close", "must-close"],
  [
    "closed by the client before the answer",
    ["c:request", "c:end", "c:closed", "s:response", "s:end"],
    "closed",
    "must-close",
  ],
  ["closed by the client while idle", ["c:closed"], "closed", "must-close"],
  ["closed by the server while idle", ["s:closed"], "must-close", "closed"],
  [
    "closed by the server after the answer",
    ["c:request", "c:end", "s:response", "s:end", "s:closed"],
    "must-close",
    "closed",
  ],
  ["the client failed, and was answered", ["fail-client", "s:response", "s:end"], "error", "must-close"],
  ["the client failed within its body", ["c:request", "fail-client", "s:response", "s:end"], "error", "must-close"],
  ["the server failed", ["c:request", "c:end", "fail-server"], "must-close", "error"],
  ["the proposal taken up", ["c:request", "propose", "c:end", "s:response", "accept"], "switched", "switched"],
  ["the proposal declined", ["c:request", "propose", "c:end", "s:response", "decline", "s:end"], "done", "done"],
  [
    "the proposal declined before the request has ended",
    ["c:request", "propose", "s:response", "decline", "c:end"],
    "done",
    "send-body",
  ],
  [
    "the proposal declined, not kept alive",
    ["close", "c:request", "propose", "c:end", "s:response", "decline", "s:end"],
    "must-close",
    "must-close",
  ],
];

for (const [name, moves, client, server] of JOINED) {
  test(`the pair of states: ${name}`, () => {
    const cycle = after(moves);
    assert.deepEqual([cycle.client, cycle.server], [client, server]);
    assert.equal(cycle.complete, client === "done" && server === "done");
  });
}

test("every cell of the joint table is reached by one of the pairs, or leads to where they lead", () => {
  const reached = new Set(JOINED.map(([, , client, server]) => `${client} ${server}`));
  const cells = Object.entries(JOINT).flatMap(([client, row]) =>
    Object.entries(row).map(([server, [role, to]]) => (role === "client" ? `${to} ${server}` : `${client} ${to}`)),
  );
  assert.deepEqual(
    cells.filter((cell) => !reached.has(cell)),
    [],
  );
});

test("a cycle that is complete begins again", () => {
  const cycle = after(["c:request", "c:end", "s:response", "s:end"]);
  cycle.recycle();
  assert.deepEqual([cycle.client, cycle.server, cycle.proposed, cycle.keepAlive], ["idle", "idle", false, true]);
});

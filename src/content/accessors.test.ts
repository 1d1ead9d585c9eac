import assert from "node:assert/strict";
import { test } from "node:test";
import { ask, MULTIPART, multipart, type Sent } from "../../test/fixtures/ask.ts";
import { json } from "../message/reply.ts";
import { type AccessorsOptions, accessors } from "./accessors.ts";

async function seen(sent: Sent, options?: AccessorsOptions): Promise<Record<string, unknown>> {
  const answer = await ask(sent, async (request) => {
    const { headers, ...others } = await accessors(request, options);
    return json({ ...others, headers: [...headers] });
  });
  assert.equal(answer.status, 200, answer.body);
  return JSON.parse(answer.body) as Record<string, unknown>;
}

test("the accessors give the path, the host, headers without Cookie and Content-Length, tokens and raw parameters [HS-11] [HS-12]", async () => {
  const sent: Sent = {
    method: "POST",
    target: "/hello%20you/?b=x%20y&b=2&c&d=",
    headers: {
      "X-Second": "2",
      Cookie: "name=stale; theme=dark;name=valid%21",
      "Content-Type": "application/x-www-form-urlencoded",
      "x-Third": "3",
    },
    body: "a=1+2&b=of+body&%C3%A9=%zz",
  };
  assert.deepEqual(await seen(sent), {
    resource: "/hello%20you/",
    host: "a",
    headers: [
      ["host", "a"],
      ["x-second", "2"],
      ["content-type", "application/x-www-form-urlencoded"],
      ["x-third", "3"],
    ],
    sessionTokens: ["stale", "valid!"],
    parameters: [
      ["a", "1+2"],
      ["b", "of+body"],
      ["\u00c3\u00a9", "%zz"],
      ["b", "x%20y"],
      ["b", "2"],
      ["c", null],
      ["d", ""],
    ],
  });
});

test("tokens are those of the cookie that is named, over all lines; parameters of a GET are its query's", async () => {
  const headers = { Cookie: "id=1; sid=2; id=; xid=3" };
  const get = await seen({ method: "GET", target: "/?a=b%20c", headers }, { cookie: "id" });
  assert.deepEqual(get["sessionTokens"], ["1", ""]);
  assert.deepEqual(get["parameters"], [["a", "b%20c"]]);
  assert.deepEqual((await seen({ method: "GET" }))["sessionTokens"], []);
});

test("members of JSON and fields of a multipart form are parameters, before those of the query; another body stays unread", async () => {
  const JSON_TYPE = { "Content-Type": "application/json" };
  assert.deepEqual((await seen({ target: "/?n=3", headers: JSON_TYPE, body: '{"n":1,"l":[2]}' }))["parameters"], [
    ["n", 1],
    ["l", [2]],
    ["n", "3"],
  ]);
  const form = multipart([{ name: "a", content: "x y" }]);
  assert.deepEqual((await seen({ headers: { "Content-Type": MULTIPART }, body: form }))["parameters"], [["a", "x y"]]);
  const answer = await ask({ target: "/?q", headers: { "Content-Type": "x/tea" }, body: "green" }, async (request) => {
    const { parameters } = await accessors(request);
    return json([parameters, request.body.state, await request.body.text()]);
  });
  assert.equal(answer.body, '[[["q",null]],"unread","green"]');
});

// A request that nobody sent, played through a blank isolate: an engine compiles a function when it is first called, and
// a first request, which is what a blank isolate is kept for, need not wait for that.
//
// Touches nothing that a handler sees: it has calls and an outbox of its own, whose messages go nowhere.

import { Response } from './http.js';
import { createOutbox } from './outbox.js';
import { createCalls } from './serve.js';

const nothing = () => {};
const ROOM = 64 * 1024;

/** Done when this returns or soon after; never throws. */
export function rehearse() {
  const { send } = createOutbox(nothing, () => null, nothing);
  const calls = createCalls(send, () => 0);
  calls.limit(Infinity, Infinity);
  calls.start(async (request) => {
    const { pathname } = new URL(request.url);
    if (request.method === 'GET') return new Response(pathname, { headers: { 'content-type': 'text/plain' } });
    request.headers.get('content-type');
    return Response.json(await request.json());
  }, null);
  const url = 'https://localhost/?a=b';
  const headers = ['host', 'localhost', 'content-type', 'application/json'];
  calls.request(1, 'GET', url, headers, false);
  calls.credit(1, ROOM);
  calls.request(2, 'POST', url, headers, true);
  calls.credit(2, ROOM);
  calls.body(2, new Uint8Array([0x7b, 0x7d]));
  calls.bodyEnd(2);
}

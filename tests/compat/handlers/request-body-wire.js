// The body of a request, read as what it is.
//> POST /text | =añ😀
//> POST /json | content-type: application/json | ={"a":[1,2]}
//> POST /arrayBuffer | =abc
//> POST /bytes | =abc
//> POST /blob | content-type: x/y | =abc
//> POST /json | =nonsense
//> POST /text | =
//> GET /text
//> GET /json
import { outcome } from './lib/probe.js';
export default {
  async fetch(request) {
    const how = new URL(request.url).pathname.slice(1);
    return Response.json({ isNull: request.body === null, value: await outcome(() => request[how]()), used: request.bodyUsed });
  },
};

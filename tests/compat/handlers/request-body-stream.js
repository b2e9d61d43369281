// A request's body as a stream.
//> POST / | =hello world
import { shown } from './lib/probe.js';
export default {
  async fetch(request) {
    const tags = [Object.prototype.toString.call(request.body), request.body.locked];
    const chunks = [];
    for await (const chunk of request.body) chunks.push(new TextDecoder().decode(chunk));
    return Response.json({ tags: shown(tags), text: chunks.join(''), used: request.bodyUsed });
  },
};

// clone() and tee of responses.
import { probe } from './lib/probe.js';
export default {
  fetch: () => probe({
    both: async () => { const r = new Response('x'); const c = r.clone(); return [await r.text(), await c.text()]; },
    status: () => { const c = new Response('x', { status: 201, statusText: 'S', headers: { a: 'b' } }).clone(); return [c.status, c.statusText, c.headers]; },
    headersApart: () => { const r = new Response('x', { headers: { a: '1' } }); const c = r.clone(); c.headers.set('a', '2'); return r.headers.get('a'); },
    stream: async () => {
      const r = new Response(new ReadableStream({ start(k) { k.enqueue(new Uint8Array([65])); k.close(); } }));
      const c = r.clone();
      return [await c.text(), await r.text()];
    },
    cloneOfClone: async () => { const r = new Response('x'); const c = r.clone().clone(); return [await r.text(), await c.text()]; },
    null: () => new Response(null).clone().body,
    afterBody: async () => { const r = new Response('abc'); r.body; const c = r.clone(); return [await r.text(), await c.text()]; },
    tee: async () => { const [a, b] = new Response('abc').body.tee(); return [await new Response(a).text(), await new Response(b).text()]; },
    teeUsed: async () => { const r = new Response('abc'); r.body.tee(); return [r.bodyUsed, r.body.locked]; },
    sent: async () => { const r = new Response('abc'); const c = r.clone(); await c.text(); return r.text(); },
  }),
};

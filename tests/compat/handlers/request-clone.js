// clone() of requests, with bodies in every state.
//> GET /
//> POST / | =twice
import { probe } from './lib/probe.js';
export default {
  fetch: (request) => probe({
    method: () => request.clone().method,
    same: () => request.clone().url === request.url,
    both: async () => { const r = new Request('https://a.example', { method: 'POST', body: 'b' }); const c = r.clone(); return [await r.text(), await c.text()]; },
    cloneFirst: async () => { const r = new Request('https://a.example', { method: 'POST', body: 'b' }); const c = r.clone(); return [await c.text(), await r.text()]; },
    used: async () => { const r = new Request('https://a.example', { method: 'POST', body: 'b' }); await r.text(); return r.clone(); },
    headersApart: () => { const r = new Request('https://a.example', { headers: { a: '1' } }); const c = r.clone(); c.headers.set('a', '2'); return r.headers.get('a'); },
    incoming: async () => { const c = request.clone(); return [await c.text(), await request.text()]; },
    incomingUsed: () => request.bodyUsed,
    incomingAgain: () => request.text(),
  }),
};

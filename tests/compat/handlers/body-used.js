// bodyUsed, locked bodies and second readings.
import { probe } from './lib/probe.js';
export default {
  fetch: () => probe({
    twice: async () => { const r = new Response('x'); await r.text(); return r.text(); },
    usedAfter: async () => { const r = new Response('x'); await r.text(); return r.bodyUsed; },
    nullTwice: async () => { const r = new Response(null); await r.text(); return [r.bodyUsed, await r.text()]; },
    emptyTwice: async () => { const r = new Response(''); await r.text(); return r.text(); },
    locked: async () => { const r = new Response('x'); r.body.getReader(); return r.text(); },
    lockedUsed: async () => { const r = new Response('x'); r.body.getReader(); return r.bodyUsed; },
    released: async () => { const r = new Response('x'); r.body.getReader().releaseLock(); return r.text(); },
    disturbed: async () => { const r = new Response('x'); const reader = r.body.getReader(); await reader.read(); reader.releaseLock(); return [r.bodyUsed, await r.text()]; },
    cancelled: async () => { const r = new Response('x'); await r.body.cancel(); return [r.bodyUsed, await r.text()]; },
    cloneUsed: async () => { const r = new Response('x'); await r.text(); return r.clone(); },
    cloneLocked: async () => { const r = new Response('x'); r.body.getReader(); return r.clone(); },
    makeFromLocked: async () => { const s = new ReadableStream(); s.getReader(); return new Response(s); },
    makeFromUsed: async () => { const r = new Response('x'); await r.text(); return new Response(r.body); },
    sameBody: () => { const r = new Response('x'); return r.body === r.body; },
  }),
};

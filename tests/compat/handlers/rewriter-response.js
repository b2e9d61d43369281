// HTMLRewriter: what the transformed response is like.
import { probe } from './lib/probe.js';
const upper = () => new HTMLRewriter().on('p', { element(e) { e.tagName = 'q'; } });
export default {
  fetch: () => probe({
    kind: () => { const r = upper().transform(new Response('<p>')); return [r instanceof Response, r.body instanceof ReadableStream, r.bodyUsed]; },
    parts: () => { const r = upper().transform(new Response('<p>', { status: 418, statusText: 'Tea', headers: { a: 'b', 'content-type': 'text/html' }, cf: { x: 1 } })); return [r.status, r.statusText, r.headers.get('a'), r.headers.get('content-type'), r.cf]; },
    defaultType: () => upper().transform(new Response('<p>')).headers.get('content-type'),
    cookies: () => { const headers = new Headers(); headers.append('set-cookie', 'a=1'); headers.append('set-cookie', 'b=2'); return upper().transform(new Response('<p>', { headers })).headers.getSetCookie(); },
    ownHeaders: () => { const from = new Response('<p>', { headers: { a: 'b' } }); const to = upper().transform(from); to.headers.set('a', 'c'); return [from.headers.get('a'), to.headers.get('a')]; },
    same: () => { const r = new Response(null); return upper().transform(r) === r; },
    noContent: () => { const r = new Response(null, { status: 204 }); return upper().transform(r) === r; },
    other: () => { const r = new Response('x'); return upper().transform(r) === r; },
    empty: async () => { const r = upper().transform(new Response('')); return [r.body !== null, await r.text()]; },
    used: () => { const from = new Response('<p>'); upper().transform(from); return from.bodyUsed; },
    clone: async () => { const r = upper().transform(new Response('<p>x')); const other = r.clone(); return [await r.text(), await other.text()]; },
    json: () => new HTMLRewriter().transform(new Response('{"a":1}')).json(),
    bytes: async () => (await upper().transform(new Response('<p>x')).arrayBuffer()).byteLength,
    blob: async () => (await upper().transform(new Response('<p>x', { headers: { 'content-type': 'text/html' } })).blob()).type,
    chained: () => new HTMLRewriter().on('q', { element(e) { e.append('2'); } }).transform(upper().transform(new Response('<p>x</p>'))).text(),
    again: async () => { const r = upper(); return [await r.transform(new Response('<p>1')).text(), await r.transform(new Response('<p>2')).text()]; },
    atOnce: async () => { const r = upper(); return Promise.all(['<p>1', '<p>2'].map((html) => r.transform(new Response(html)).text())); },
    byob: async () => { const reader = upper().transform(new Response('<p>x')).body.getReader({ mode: 'byob' }); const { value, done } = await reader.read(new Uint8Array(2)); return [value, done]; },
    url: () => upper().transform(new Response('x')).url,
    props: () => [typeof HTMLRewriter, HTMLRewriter.name, HTMLRewriter.length, String(new HTMLRewriter()), Object.getOwnPropertyNames(HTMLRewriter.prototype).sort()],
    noHandlers: () => new HTMLRewriter().transform(new Response('<p a=b c>x</P >')).text(),
    unchanged: () => new HTMLRewriter().on('*', { element() {}, text() {}, comments() {} }).transform(new Response('<p  a = "b" c>x &amp; y</P ><!-- z -->')).text(),
    subclass: async () => { class Mine extends HTMLRewriter { title(text) { return this.on('title', { element(e) { e.setInnerContent(text); } }); } } return new Mine().title('new').transform(new Response('<title>old</title>')).text(); },
  }),
};

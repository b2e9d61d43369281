// Texts that libraries look at.
import { probe } from './lib/probe.js';
const message = async (run) => { try { await run(); return 'nothing'; } catch (e) { return `${e.name}: ${e.message}`; } };
export default {
  fetch: (request) => probe({
    urlInvalid: () => message(() => new URL('x')),
    getBody: () => message(() => new Request('https://a.example', { body: 'x' })),
    bodyUsed: () => message(async () => { const r = new Response('x'); await r.text(); await r.text(); }),
    statusRange: () => message(() => new Response('x', { status: 1000 })),
    nullBody: () => message(() => new Response('x', { status: 204 })),
    jsonEmpty: () => message(() => new Response('').json()),
    jsonBroken: () => message(() => new Response('{').json()),
    redirectStatus: () => message(() => Response.redirect('https://a.example', 200)),
    relativeUrl: () => message(() => new Request('/x')),
    badHeader: () => message(() => new Headers({ 'a b': 'c' })),
    immutable: () => message(() => request.headers.set('a', 'b')),
    evalText: () => message(() => eval('1')),
    functionText: () => message(() => new Function('1')),
    abort: () => message(() => AbortSignal.abort().throwIfAborted()),
    timeout: () => message(async () => { const s = AbortSignal.timeout(1); await new Promise((d) => { s.onabort = d; }); s.throwIfAborted(); }),
    dataClone: () => message(() => structuredClone(() => 1)),
    atob: () => message(() => atob('a')),
    btoa: () => message(() => btoa('é😀')),
    timingSafe: () => message(() => crypto.subtle.timingSafeEqual(new Uint8Array(1), new Uint8Array(2))),
    pbkdf2: () => message(async () => crypto.subtle.deriveBits({ name: 'PBKDF2', hash: 'SHA-256', salt: new Uint8Array(8), iterations: 200000 },
      await crypto.subtle.importKey('raw', new Uint8Array(8), 'PBKDF2', false, ['deriveBits']), 128)),
    locked: () => message(() => { const s = new ReadableStream(); s.getReader(); s.getReader(); }),
    fetchRelative: () => message(() => fetch('/x')),
  }),
};

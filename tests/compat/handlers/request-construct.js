// Request: what its constructor takes and what its properties say.
import { probe } from './lib/probe.js';
const props = (r) => [r.method, r.url, r.redirect, r.integrity, r.bodyUsed, r.body === null, r.headers];
export default {
  fetch: () => probe({
    plain: () => props(new Request('https://a.example')),
    url: () => props(new Request(new URL('https://a.example/x?y#z'))),
    relative: () => props(new Request('/x')),
    empty: () => props(new Request('')),
    none: () => props(new Request()),
    number: () => props(new Request(1)),
    credentials: () => props(new Request('https://user:pass@a.example/')),
    spaces: () => props(new Request('  https://a.example/a b ')),
    otherScheme: () => props(new Request('ftp://a.example/')),
    noNew: () => Request('https://a.example'),
    post: () => props(new Request('https://a.example', { method: 'post', body: 'x' })),
    getBody: () => props(new Request('https://a.example', { body: 'x' })),
    headBody: () => props(new Request('https://a.example', { method: 'HEAD', body: 'x' })),
    getEmptyBody: () => props(new Request('https://a.example', { body: '' })),
    deleteBody: () => props(new Request('https://a.example', { method: 'DELETE', body: 'x' })),
    headers: () => props(new Request('https://a.example', { headers: { 'X-A': '1', Cookie: 'a=b' } })),
    fromRequest: () => props(new Request(new Request('https://a.example', { method: 'PUT', body: 'x', headers: { a: 'b' } }))),
    fromRequestInit: () => props(new Request(new Request('https://a.example', { headers: { a: 'b' } }), { method: 'POST', body: 'y' })),
    initIsRequest: () => props(new Request('https://b.example', new Request('https://a.example', { headers: { a: 'b' } }))),
    initNull: () => props(new Request('https://a.example', null)),
    tag: () => Object.prototype.toString.call(new Request('https://a.example')),
    toStringed: () => `${new Request('https://a.example')}`,
  }),
};

// Response: what its constructor takes and what its properties say.
import { probe } from './lib/probe.js';
const props = (r) => [r.status, r.statusText, r.ok, r.type, r.url, r.redirected, r.bodyUsed, r.body === null, r.headers];
export default {
  fetch: () => probe({
    empty: () => props(new Response()),
    undefinedBody: () => props(new Response(undefined)),
    nullBody: () => props(new Response(null)),
    text: () => props(new Response('x')),
    number: () => new Response(12).text(),
    object: () => new Response({}).text(),
    status201: () => props(new Response('x', { status: 201, statusText: 'Made' })),
    status199: () => props(new Response('x', { status: 199 })),
    status600: () => props(new Response('x', { status: 600 })),
    status0: () => props(new Response('x', { status: 0 })),
    statusString: () => props(new Response('x', { status: '404' })),
    statusNaN: () => props(new Response('x', { status: 'abc' })),
    statusFraction: () => props(new Response('x', { status: 201.7 })),
    badStatusText: () => props(new Response('x', { statusText: 'a\nb' })),
    headersObject: () => props(new Response('x', { headers: { 'X-A': '1' } })),
    headersArray: () => props(new Response('x', { headers: [['X-A', '1'], ['x-a', '2']] })),
    headersHeaders: () => props(new Response('x', { headers: new Headers({ a: 'b' }) })),
    badHeaderName: () => props(new Response('x', { headers: { 'a b': '1' } })),
    badHeaderValue: () => props(new Response('x', { headers: { a: '1\n2' } })),
    initNull: () => props(new Response('x', null)),
    initFromResponse: () => props(new Response('x', new Response('y', { status: 418, headers: { b: 'c' } }))),
    noNew: () => Response('x'),
    tag: () => Object.prototype.toString.call(new Response()),
  }),
};

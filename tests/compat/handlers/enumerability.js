// What for-in, keys and JSON see.
import { probe } from './lib/probe.js';
export default {
  fetch: (request) => probe({
    request: () => Object.keys(new Request('https://a.example')),
    response: () => Object.keys(new Response('x')),
    requestJson: () => JSON.stringify(new Request('https://a.example')),
    headersJson: () => JSON.stringify(new Headers({ a: 'b' })),
    url: () => JSON.stringify(new URL('https://a.example')),
    spread: () => ({ ...new Headers({ a: 'b' }) }),
    fromEntries: () => Object.fromEntries(new Headers({ a: 'b', c: 'd' })),
    own: () => Object.getOwnPropertyNames(new Response('x')),
  }),
};

// The headers of the request that came in cannot be changed; those of a copy can.
import { probe } from './lib/probe.js';
export default {
  fetch: (request) => probe({
    set: () => request.headers.set('a', 'b'),
    append: () => request.headers.append('a', 'b'),
    delete: () => request.headers.delete('host'),
    copySet: () => { const r = new Request(request); r.headers.set('x-a', 'b'); return r.headers.get('x-a'); },
    headersCopy: () => { const h = new Headers(request.headers); h.set('x-a', 'b'); return h.get('x-a'); },
    cloneSet: () => { const r = request.clone(); r.headers.set('x-a', 'b'); return r.headers.get('x-a'); },
    stillGone: () => request.headers.get('a'),
    methodSet: () => { request.method = 'PUT'; return request.method; },
    urlSet: () => { request.url = 'https://b.example'; return request.url; },
  }),
};

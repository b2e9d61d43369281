// The Content-Type that a body brings along, and the one that was given.
import { probe } from './lib/probe.js';
const type = (body, init) => new Response(body, init).headers.get('content-type');
export default {
  fetch: (request) => probe({
    string: () => type('x'),
    bytes: () => type(new Uint8Array(1)),
    buffer: () => type(new ArrayBuffer(1)),
    params: () => type(new URLSearchParams('a=b')),
    blob: () => type(new Blob(['x'])),
    typedBlob: () => type(new Blob(['x'], { type: 'Image/PNG' })),
    form: () => type(new FormData()).replace(/boundary=.*/, 'boundary='),
    stream: () => type(new ReadableStream()),
    none: () => type(null),
    given: () => type('x', { headers: { 'content-type': 'a/b' } }),
    givenForm: () => type(new FormData(), { headers: { 'content-type': 'a/b' } }),
    givenHeaders: () => type('x', { headers: { b: 'c' } }),
    request: () => new Request('https://a.example', { method: 'POST', body: 'x' }).headers.get('content-type'),
    requestParams: () => new Request('https://a.example', { method: 'POST', body: new URLSearchParams() }).headers.get('content-type'),
  }),
};

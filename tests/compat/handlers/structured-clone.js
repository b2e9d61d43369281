// structuredClone.
import { probe } from './lib/probe.js';
export default {
  fetch: (request) => probe({
    plain: () => structuredClone({ a: [1, 'x', null, undefined, true] }),
    date: () => structuredClone(new Date(5)),
    regexp: () => structuredClone(/a/gi),
    map: () => structuredClone(new Map([['a', new Set([1])]])),
    bytes: () => structuredClone(new Uint8Array([1, 2])),
    error: () => { const e = structuredClone(new RangeError('x')); return [e instanceof RangeError, e.message]; },
    circular: () => { const a = {}; a.a = a; const b = structuredClone(a); return b.a === b; },
    bigint: () => structuredClone(5n),
    function: () => structuredClone(() => 1),
    symbol: () => structuredClone(Symbol('x')),
    class: () => { class A { constructor() { this.x = 1; } get y() { return 2; } } const c = structuredClone(new A()); return [c.constructor.name, c.x, c.y]; },
    transfer: () => { const b = new ArrayBuffer(4); const c = structuredClone(b, { transfer: [b] }); return [b.byteLength, c.byteLength]; },
    headers: () => structuredClone(new Headers({ a: 'b' })),
    response: () => structuredClone(new Response('x')),
    request: () => structuredClone(new Request('https://a.example')),
    url: () => structuredClone(new URL('https://a.example')),
    blob: () => structuredClone(new Blob(['x'])),
    stream: () => structuredClone(new ReadableStream()),
    sparse: () => { const a = structuredClone([1, , 3]); return [a.length, 1 in a]; },
    boxed: () => typeof structuredClone(Object(1)),
    nothing: () => structuredClone(),
    domException: () => structuredClone(new DOMException('m', 'AbortError')).name,
  }),
};

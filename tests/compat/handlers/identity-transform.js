// IdentityTransformStream: bytes only, one write meets one read.
import { probe } from './lib/probe.js';
const text = (stream) => new Response(stream).text();
export default {
  fetch: () => probe({
    through: () => text(new Response('hello').body.pipeThrough(new IdentityTransformStream())),
    writer: async () => { const { readable, writable } = new IdentityTransformStream(); const w = writable.getWriter(); const done = (async () => { await w.write(new TextEncoder().encode('ab')); await w.write(new TextEncoder().encode('c')); await w.close(); })(); const t = await text(readable); await done; return t; },
    chunks: async () => { const { readable, writable } = new IdentityTransformStream(); const w = writable.getWriter(); const done = (async () => { await w.write(new Uint8Array([1])); await w.write(new Uint8Array([2, 3])); await w.close(); })(); const out = []; for await (const c of readable) out.push(c); await done; return out; },
    string: async () => { const { readable, writable } = new IdentityTransformStream(); const w = writable.getWriter(); const r = readable.getReader(); r.read().catch(() => {}); await w.write('text'); },
    number: async () => { const { readable, writable } = new IdentityTransformStream(); const w = writable.getWriter(); const r = readable.getReader(); r.read().catch(() => {}); await w.write(1); },
    buffer: async () => { const { readable, writable } = new IdentityTransformStream(); const w = writable.getWriter(); const r = readable.getReader(); const [a] = await Promise.all([r.read(), w.write(new Uint8Array([7]).buffer)]); return a; },
    byob: async () => { const { readable, writable } = new IdentityTransformStream(); const w = writable.getWriter(); w.write(new Uint8Array([1, 2, 3])).catch(() => {}); const r = readable.getReader({ mode: 'byob' }); return (await r.read(new Uint8Array(2))).value; },
    close: async () => { const { readable, writable } = new IdentityTransformStream(); const w = writable.getWriter(); const [a] = await Promise.all([readable.getReader().read(), w.close()]); return a; },
    abort: async () => { const { readable, writable } = new IdentityTransformStream(); const w = writable.getWriter(); const r = readable.getReader(); const read = r.read(); w.abort(new RangeError('x')).catch(() => {}); return read; },
    cancel: async () => { const { readable, writable } = new IdentityTransformStream(); const w = writable.getWriter(); await readable.cancel(new RangeError('x')); return w.write(new Uint8Array(1)); },
    kind: () => [new IdentityTransformStream() instanceof TransformStream, Object.prototype.toString.call(new IdentityTransformStream())],
    parts: () => { const i = new IdentityTransformStream(); return [i.readable instanceof ReadableStream, i.writable instanceof WritableStream]; },
  }),
};

// Byte streams and BYOB readers.
import { probe } from './lib/probe.js';
const bytes = (...list) => new Uint8Array(list);
const source = (extra) => new ReadableStream({ type: 'bytes', start(c) { c.enqueue(bytes(1, 2, 3, 4, 5)); c.close(); }, ...extra });
export default {
  fetch: () => probe({
    byob: async () => { const r = source().getReader({ mode: 'byob' }); const { done, value } = await r.read(new Uint8Array(3)); return [done, value]; },
    rest: async () => { const r = source().getReader({ mode: 'byob' }); await r.read(new Uint8Array(3)); return (await r.read(new Uint8Array(9))).value; },
    atLeast: async () => { const r = source().getReader({ mode: 'byob' }); return (await r.read(new Uint8Array(4), { min: 4 })).value; },
    readAtLeast: async () => { const r = source().getReader({ mode: 'byob' }); return (await r.readAtLeast(4, new Uint8Array(8))).value; },
    plain: async () => (await source().getReader().read()).value,
    detached: async () => { const view = new Uint8Array(3); await source().getReader({ mode: 'byob' }).read(view); return view.byteLength; },
    zero: async () => source().getReader({ mode: 'byob' }).read(new Uint8Array(0)),
    noView: async () => source().getReader({ mode: 'byob' }).read(),
    notBytes: () => new ReadableStream().getReader({ mode: 'byob' }),
    badMode: () => source().getReader({ mode: 'x' }),
    u16: async () => (await source().getReader({ mode: 'byob' }).read(new Uint16Array(2))).value.constructor.name,
    closed: async () => { const r = new ReadableStream({ type: 'bytes', start(c) { c.close(); } }).getReader({ mode: 'byob' }); const x = await r.read(new Uint8Array(2)); return [x.done, x.value]; },
    pullRequest: async () => {
      const s = new ReadableStream({ type: 'bytes', pull(c) { const v = c.byobRequest.view; v[0] = 7; c.byobRequest.respond(1); } });
      return (await s.getReader({ mode: 'byob' }).read(new Uint8Array(2))).value;
    },
    autoAllocate: async () => {
      const s = new ReadableStream({ type: 'bytes', autoAllocateChunkSize: 4, pull(c) { c.byobRequest.view[0] = 9; c.byobRequest.respond(1); } });
      return (await s.getReader().read()).value;
    },
    enqueueString: () => new ReadableStream({ type: 'bytes', start(c) { c.enqueue('x'); } }),
    responseByob: async () => (await new Response('hello').body.getReader({ mode: 'byob' }).read(new Uint8Array(3))).value,
    blobByob: async () => (await new Blob(['hello']).stream().getReader({ mode: 'byob' }).read(new Uint8Array(3))).value,
  }),
};

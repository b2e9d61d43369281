// ReadableStream: sources, readers, cancelling.
import { probe } from './lib/probe.js';
const collect = async (stream) => { const out = []; for await (const chunk of stream) out.push(chunk); return out; };
export default {
  fetch: () => probe({
    start: () => collect(new ReadableStream({ start(c) { c.enqueue(1); c.enqueue('a'); c.close(); } })),
    pull: () => { let n = 0; return collect(new ReadableStream({ pull(c) { if (n === 3) c.close(); else c.enqueue(n++); } })); },
    asyncPull: () => { let n = 0; return collect(new ReadableStream({ async pull(c) { await null; if (n === 2) c.close(); else c.enqueue(n++); } })); },
    error: () => collect(new ReadableStream({ start(c) { c.error(new RangeError('x')); } })),
    throwInStart: () => collect(new ReadableStream({ start() { throw new RangeError('x'); } })),
    throwInPull: () => collect(new ReadableStream({ pull() { throw new RangeError('x'); } })),
    reader: async () => { const r = new ReadableStream({ start(c) { c.enqueue(1); c.close(); } }).getReader(); return [await r.read(), await r.read()]; },
    closed: async () => { const r = new ReadableStream({ start(c) { c.close(); } }).getReader(); return [await r.closed]; },
    locked: () => { const s = new ReadableStream(); s.getReader(); return [s.locked, s.getReader()]; },
    cancel: async () => { let why; const s = new ReadableStream({ cancel(reason) { why = reason; } }); await s.cancel('no'); return why; },
    cancelLocked: () => { const s = new ReadableStream(); s.getReader(); return s.cancel(); },
    release: async () => { const s = new ReadableStream({ start(c) { c.enqueue(1); } }); const r = s.getReader(); r.releaseLock(); return [s.locked, await s.getReader().read()]; },
    releasedRead: () => { const r = new ReadableStream().getReader(); r.releaseLock(); return r.read(); },
    releasePending: async () => { const r = new ReadableStream().getReader(); const p = r.read(); r.releaseLock(); return p; },
    from: () => collect(ReadableStream.from([1, 2])),
    fromAsync: () => collect(ReadableStream.from((async function* () { yield 1; yield 2; })())),
    fromWrong: () => ReadableStream.from(1),
    desiredSize: () => { let size; new ReadableStream({ start(c) { c.enqueue('a'); size = c.desiredSize; } }, { highWaterMark: 5 }); return size; },
    sizeStrategy: () => { let size; new ReadableStream({ start(c) { c.enqueue('abc'); size = c.desiredSize; } }, { highWaterMark: 5, size: (c) => c.length }); return size; },
    enqueueClosed: () => new ReadableStream({ start(c) { c.close(); c.enqueue(1); } }),
    valuesPrevent: async () => { const s = new ReadableStream({ start(c) { c.enqueue(1); c.enqueue(2); c.close(); } });
      for await (const _ of s.values({ preventCancel: true })) break; return [s.locked, await s.getReader().read()]; },
    breakCancels: async () => { let why = 'not'; const s = new ReadableStream({ start(c) { c.enqueue(1); }, cancel() { why = 'cancelled'; } }); for await (const _ of s) break; return why; },
    tag: () => Object.prototype.toString.call(new ReadableStream()),
    noArgs: () => new ReadableStream() instanceof ReadableStream,
    badType: () => new ReadableStream({ type: 'nonsense' }),
  }),
};

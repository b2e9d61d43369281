// tee() of streams.
import { probe } from './lib/probe.js';
const collect = async (stream) => { const out = []; for await (const chunk of stream) out.push(chunk); return out; };
const some = () => ReadableStream.from(['a', 'b']);
export default {
  fetch: () => probe({
    both: async () => { const [a, b] = some().tee(); return [await collect(a), await collect(b)]; },
    atOnce: async () => { const [a, b] = some().tee(); return Promise.all([collect(a), collect(b)]); },
    cancelOne: async () => { const [a] = some().tee(); return Promise.race([a.cancel().then(() => 'at once'), scheduler.wait(50).then(() => 'waits')]); },
    cancelledOther: async () => { const [a, b] = some().tee(); a.cancel(); return collect(b); },
    locked: async () => { const s = some(); s.getReader(); return s.tee(); },
    lockedAfter: async () => { const s = some(); s.tee(); return s.locked; },
    error: async () => { const [a, b] = new ReadableStream({ start(c) { c.error(new RangeError('x')); } }).tee(); b.cancel().catch(() => {}); return collect(a); },
    teeOfTee: async () => { const [a, b] = some().tee(); const [c, d] = a.tee(); return [await collect(b), await collect(c), await collect(d)]; },
  }),
};

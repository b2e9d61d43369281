// WritableStream.
import { probe } from './lib/probe.js';
const log = () => { const seen = []; return { seen, sink: { write(chunk) { seen.push(chunk); }, close() { seen.push('closed'); }, abort(why) { seen.push('aborted', `${why}`); } } }; };
export default {
  fetch: () => probe({
    write: async () => { const { seen, sink } = log(); const w = new WritableStream(sink).getWriter(); await w.write(1); await w.write('a'); await w.close(); return seen; },
    abort: async () => { const { seen, sink } = log(); const w = new WritableStream(sink).getWriter(); await w.abort('why'); return seen; },
    writeAfterClose: async () => { const w = new WritableStream().getWriter(); await w.close(); return w.write(1); },
    error: async () => { const w = new WritableStream({ write() { throw new RangeError('x'); } }).getWriter(); w.closed.catch(() => {}); await w.write(1); },
    ready: async () => { const w = new WritableStream().getWriter(); return [await w.ready, w.desiredSize]; },
    locked: () => { const s = new WritableStream(); s.getWriter(); return [s.locked, s.getWriter()]; },
    close: async () => { const { seen, sink } = log(); await new WritableStream(sink).close(); return seen; },
    closeLocked: () => { const s = new WritableStream(); s.getWriter(); return s.close(); },
    signal: async () => { let signal; const s = new WritableStream({ start(c) { signal = c.signal; } }); await s.abort('why'); return [signal.aborted, signal.reason]; },
    controllerError: async () => { let c; const s = new WritableStream({ start(k) { c = k; } }); c.error(new RangeError('x')); return s.getWriter().closed; },
    release: async () => { const w = new WritableStream().getWriter(); w.releaseLock(); return w.write(1); },
    tag: () => Object.prototype.toString.call(new WritableStream()),
  }),
};

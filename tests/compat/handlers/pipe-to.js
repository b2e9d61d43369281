// pipeTo and pipeThrough with their options.
import { probe } from './lib/probe.js';
const sink = () => { const seen = []; return { seen, stream: new WritableStream({ write(c) { seen.push(c); }, close() { seen.push('closed'); }, abort(e) { seen.push('aborted', `${e}`); } }) }; };
const fails = () => new ReadableStream({ start(c) { c.enqueue(1); }, pull(c) { c.error('bad'); } });
export default {
  fetch: () => probe({
    plain: async () => { const s = sink(); await ReadableStream.from([1, 2]).pipeTo(s.stream); return s.seen; },
    preventClose: async () => { const s = sink(); await ReadableStream.from([1]).pipeTo(s.stream, { preventClose: true }); return [s.seen, s.stream.locked]; },
    error: async () => { const s = sink(); try { await fails().pipeTo(s.stream); } catch (e) { s.seen.push(e); } return s.seen; },
    preventAbort: async () => { const s = sink(); try { await fails().pipeTo(s.stream, { preventAbort: true }); } catch (e) { s.seen.push(e); } return s.seen; },
    sinkFails: async () => { let why; await new ReadableStream({ pull(c) { c.enqueue(1); }, cancel(r) { why = r; } }).pipeTo(new WritableStream({ write() { throw new RangeError('x'); } })).catch((e) => e); return why; },
    signal: async () => { const s = sink(); const c = new AbortController(); c.abort(); return new ReadableStream().pipeTo(s.stream, { signal: c.signal }); },
    locked: async () => { const r = new ReadableStream(); r.getReader(); return r.pipeTo(new WritableStream()); },
    notWritable: async () => new ReadableStream().pipeTo({}),
    throughNothing: () => new ReadableStream().pipeThrough({}),
    through: async () => { const out = []; for await (const c of ReadableStream.from([1]).pipeThrough({ readable: ReadableStream.from(['x']), writable: new WritableStream() })) out.push(c); return out; },
  }),
};

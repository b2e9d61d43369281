// AbortController and AbortSignal.
import { probe } from './lib/probe.js';
const fired = (signal) => { const out = []; signal.addEventListener('abort', (e) => out.push(e.type)); signal.onabort = () => out.push('on'); return out; };
export default {
  fetch: () => probe({
    abort: () => { const c = new AbortController(); const out = fired(c.signal); c.abort(); return [c.signal.aborted, out, c.signal.reason.name, c.signal.reason.constructor.name]; },
    reason: () => { const c = new AbortController(); c.abort('why'); return c.signal.reason; },
    twice: () => { const c = new AbortController(); c.abort(1); c.abort(2); return c.signal.reason; },
    throwIfAborted: () => AbortSignal.abort(new RangeError('x')).throwIfAborted(),
    throwNot: () => new AbortController().signal.throwIfAborted(),
    static: () => [AbortSignal.abort().aborted, AbortSignal.abort().reason.name, AbortSignal.abort('x').reason],
    timeout: async () => { const s = AbortSignal.timeout(5); await new Promise((done) => s.addEventListener('abort', done)); return [s.aborted, s.reason.name]; },
    any: () => { const c = new AbortController(); const s = AbortSignal.any([new AbortController().signal, c.signal]); c.abort('x'); return [s.aborted, s.reason]; },
    anyAborted: () => AbortSignal.any([AbortSignal.abort('x')]).reason,
    anyEmpty: () => AbortSignal.any([]).aborted,
    anyWrong: () => AbortSignal.any([1]),
    construct: () => new AbortSignal(),
    isTarget: () => new AbortController().signal instanceof EventTarget,
    bareReason: () => new AbortController().signal.reason,
    tags: () => [Object.prototype.toString.call(new AbortController()), Object.prototype.toString.call(new AbortController().signal)],
    message: () => AbortSignal.abort().reason.message,
    bare: () => { const { abort } = new AbortController(); abort(); },
  }),
};

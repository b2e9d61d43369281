// request.signal is there and not aborted.
import { probe } from './lib/probe.js';
export default {
  fetch: (request) => probe({
    kind: () => request.signal instanceof AbortSignal,
    aborted: () => request.signal.aborted,
    made: () => new Request('https://a.example').signal instanceof AbortSignal,
    given: () => { const c = new AbortController(); const r = new Request('https://a.example', { signal: c.signal }); c.abort('why'); return [r.signal.aborted, r.signal.reason]; },
    null: () => new Request('https://a.example', { signal: null }).signal instanceof AbortSignal,
    wrong: () => new Request('https://a.example', { signal: {} }).signal,
  }),
};

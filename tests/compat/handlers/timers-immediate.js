// setImmediate and queueMicrotask.
import { probe } from './lib/probe.js';
const wait = (ms) => new Promise((done) => setTimeout(done, ms));
export default {
  fetch: () => probe({
    has: () => [typeof setImmediate, typeof clearImmediate],
    runs: async () => new Promise((done) => setImmediate((...args) => done(args), 1, 2)),
    order: async () => { const out = []; setImmediate(() => out.push('immediate')); queueMicrotask(() => out.push('micro')); out.push('sync'); await wait(10); return out; },
    clear: async () => { const out = []; clearImmediate(setImmediate(() => out.push('x'))); await wait(10); return out; },
    micro: async () => new Promise((done) => queueMicrotask(() => done('ran'))),
    microNothing: () => queueMicrotask(),
    microString: () => queueMicrotask('x'),
    microThrows: async () => { queueMicrotask(() => { throw new Error('on purpose'); }); await wait(1); return 'still here'; },
  }),
};

// setTimeout, setInterval and their order.
import { probe } from './lib/probe.js';
const wait = (ms) => new Promise((done) => setTimeout(done, ms));
export default {
  fetch: () => probe({
    order: async () => { const out = []; setTimeout(() => out.push('timeout'), 0); queueMicrotask(() => out.push('micro')); Promise.resolve().then(() => out.push('then')); out.push('sync'); await wait(5); return out; },
    delays: async () => { const out = []; setTimeout(() => out.push(20), 20); setTimeout(() => out.push(1), 1); await wait(40); return out; },
    args: async () => new Promise((done) => setTimeout((...args) => done(args), 0, 'a', 1)),
    clear: async () => { const out = []; const t = setTimeout(() => out.push('x'), 1); clearTimeout(t); await wait(5); return out; },
    interval: async () => { let n = 0; return new Promise((done) => { const t = setInterval(() => { if (++n === 3) { clearInterval(t); done(n); } }, 1); }); },
    type: () => { const t = setTimeout(() => {}, 0); clearTimeout(t); return typeof t; },
    noDelay: async () => new Promise((done) => setTimeout(() => done('ran'))),
    negative: async () => new Promise((done) => setTimeout(() => done('ran'), -5)),
    string: () => setTimeout('1', 0),
    nothing: () => setTimeout(),
    clearNothing: () => [clearTimeout(), clearTimeout(null), clearTimeout(999999)],
    clearString: () => clearTimeout('x'),
    thisValue: async () => new Promise((done) => setTimeout(function () { done(this === globalThis || this === undefined); }, 0)),
    throwing: async () => { setTimeout(() => { throw new Error('on purpose'); }, 0); await wait(5); return 'still here'; },
  }),
};

// MessageChannel.
import { probe } from './lib/probe.js';
export default {
  fetch: () => probe({
    post: async () => { const { port1, port2 } = new MessageChannel(); const got = new Promise((done) => { port2.onmessage = (e) => done(e.data); }); port1.postMessage({ a: 1 }); return got; },
    listener: async () => { const { port1, port2 } = new MessageChannel(); const got = new Promise((done) => { port2.addEventListener('message', (e) => done(e.data)); port2.start(); }); port1.postMessage('x'); return got; },
    order: async () => { const { port1, port2 } = new MessageChannel(); const out = []; port2.onmessage = (e) => out.push(e.data); port1.postMessage(1); port1.postMessage(2); await scheduler.wait(5); return out; },
    close: async () => { const { port1, port2 } = new MessageChannel(); const out = []; port2.onmessage = (e) => out.push(e.data); port1.close(); port1.postMessage(1); await scheduler.wait(5); return out; },
    function: () => new MessageChannel().port1.postMessage(() => 1),
    construct: () => new MessagePort(),
  }),
};

// Headers while they change, and their iterators.
import { probe } from './lib/probe.js';
export default {
  fetch: () => probe({
    during: () => { const h = new Headers({ a: '1', b: '2' }); const seen = []; for (const [k] of h) { seen.push(k); if (k === 'a') h.set('c', '3'); } return seen.includes('a'); },
    iterator: () => { const i = new Headers({ a: '1' })[Symbol.iterator](); return [i.next(), i.next()]; },
    tag: () => Object.prototype.toString.call(new Headers().entries()),
    spreadKeys: () => [...new Headers({ b: '1', a: '2' }).keys()],
    helpers: () => new Headers({ a: '1', b: '2' }).keys().map((k) => k + k).toArray(),
    size: () => new Headers({ a: '1' }).size,
  }),
};

// Long values and many of them.
import { probe } from './lib/probe.js';
export default {
  fetch: () => probe({
    long: () => new Headers({ a: 'x'.repeat(20000) }).get('a').length,
    many: () => { const h = new Headers(); for (let i = 0; i < 500; i++) h.append(`x-${i % 50}`, `${i}`); return [[...h].length, h.get('x-7').length]; },
    cookies: () => { const h = new Headers(); for (let i = 0; i < 30; i++) h.append('set-cookie', `c${i}=1`); return h.getSetCookie().length; },
  }),
};

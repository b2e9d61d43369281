// URLSearchParams.
import { probe } from './lib/probe.js';
const p = (init) => new URLSearchParams(init);
export default {
  fetch: () => probe({
    string: () => p('?a=1&b=2&a=3'),
    object: () => p({ a: '1', b: 2 }),
    pairs: () => p([['a', '1'], ['a', '2']]),
    params: () => p(p('a=1')),
    formData: () => { const f = new FormData(); f.append('a', '1'); return p(f); },
    none: () => [`${p()}`, `${p(undefined)}`, `${p(null)}`],
    badPair: () => p([['a']]),
    get: () => [p('a=1&a=2').get('a'), p('').get('a')],
    getAll: () => p('a=1&a=2').getAll('a'),
    has: () => [p('a=1').has('a'), p('a=1').has('a', '1'), p('a=1').has('a', '2')],
    delete: () => { const q = p('a=1&a=2&b=3'); q.delete('a', '1'); return q; },
    set: () => { const q = p('a=1&a=2&b=3'); q.set('a', '9'); return q; },
    sort: () => { const q = p('b=1&a=2&b=0'); q.sort(); return `${q}`; },
    size: () => p('a=1&a=2').size,
    encode: () => `${p({ 'a b': 'é&=+~*-._ 😀' })}`,
    decode: () => p('a+b=%C3%A9%zz&=x&y').toString(),
    keys: () => [...p('a=1&b=2').keys()],
    values: () => [...p('a=1&b=2').values()],
    forEach: () => { const out = []; p('a=1').forEach((v, k) => out.push(k, v)); return out; },
    emptyPieces: () => [...p('&&a&=&')],
    tag: () => Object.prototype.toString.call(p()),
  }),
};

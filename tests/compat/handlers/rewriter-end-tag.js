// HTMLRewriter: end tags.
import { probe } from './lib/probe.js';
import { rewrite, said } from './lib/rewrite.js';
const one = async (work, html = '<div><p>in</p></div>') => {
  const seen = [];
  const text = await said(() => rewrite(html, (r) => r.on('p, br', { element(e) { e.onEndTag((tag) => work(tag, seen)); } })));
  return [seen, text];
};
export default {
  fetch: () => probe({
    name: () => one((tag, seen) => { seen.push(tag.name); }),
    setName: () => one((tag) => { tag.name = 'q'; }),
    setNameOdd: () => one((tag) => { tag.name = 'A b'; }),
    around: () => one((tag) => { tag.before('<1>').before('<b>', { html: true }).after('<2>').after('<i>', { html: true }); }),
    remove: () => one((tag) => { tag.remove(); }),
    chain: () => one((tag, seen) => { seen.push(tag.before('') === tag, tag.remove() === tag); }),
    missing: () => one((tag, seen) => { seen.push('called'); }, '<div><p>in</div>'),
    unclosed: () => one((tag, seen) => { seen.push('called'); }, '<p>in'),
    nested: () => one((tag, seen) => { seen.push(tag.name); }, '<div><p>a<p>b</p></p></div>'),
    throws: () => one(() => { throw new RangeError('mine'); }),
    voids: () => one(() => {}, '<br>'),
    async: () => one(async (tag, seen) => { await scheduler.wait(2); seen.push(tag.name); tag.before('later'); }),
    twice: async () => {
      const seen = [];
      const text = await rewrite('<p>x</p>', (r) => r.on('p', { element(e) { e.onEndTag(() => { seen.push(1); }); e.onEndTag(() => { seen.push(2); }); } }));
      return [seen, text];
    },
    twoHandlers: async () => {
      const seen = [];
      await rewrite('<p>x</p>', (r) => r.on('p', { element(e) { e.onEndTag(() => { seen.push(1); }); } }).on('p', { element(e) { e.onEndTag(() => { seen.push(2); }); } }));
      return seen;
    },
    renamed: () => rewrite('<p>x</p>', (r) => r.on('p', { element(e) { e.tagName = 'q'; e.onEndTag((tag) => { tag.after(tag.name); }); } })),
    noFunction: () => rewrite('<p>x</p>', (r) => r.on('p', { element(e) { e.onEndTag({}); } })),
    thisValue: async () => { let self = 'none'; await rewrite('<p>x</p>', (r) => r.on('p', { element(e) { e.onEndTag(function () { self = typeof this; }); } })); return self; },
    members: async () => { const seen = []; await one((tag) => { seen.push(typeof tag.replace, typeof tag.removed, typeof tag.append, String(tag), tag.constructor.name); }); return seen; },
  }),
};

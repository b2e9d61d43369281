// HTMLRewriter: handlers that return promises.
import { probe } from './lib/probe.js';
import { rewrite, said } from './lib/rewrite.js';
const wait = (ms = 1) => scheduler.wait(ms);
export default {
  fetch: () => probe({
    element: () => rewrite('<p>1</p><p>2</p>', (r) => r.on('p', { async element(e) { await wait(); e.setAttribute('late', 'yes').prepend('x'); } })),
    text: () => rewrite('<p>1</p>', (r) => r.on('p', { async text(t) { await wait(); if (t.text) t.replace('2'); } })),
    comment: () => rewrite('<p><!--1--></p>', (r) => r.on('p', { async comments(c) { await wait(); c.text = '2'; } })),
    doctype: async () => { let name; await rewrite('<!DOCTYPE html>', (r) => r.onDocument({ async doctype(d) { await wait(); name = d.name; } })); return name; },
    order: async () => {
      const seen = [];
      await rewrite('<p>1</p><b>2</b>', (r) => r.on('p', { async element() { seen.push('p'); await wait(5); seen.push('p done'); } }).on('b', { element() { seen.push('b'); } }));
      return seen;
    },
    rejects: () => said(() => rewrite('<p>1</p>', (r) => r.on('p', { async element() { await wait(); throw new RangeError('mine'); } }))),
    resolved: () => rewrite('<p>1</p>', (r) => r.on('p', { element(e) { return Promise.resolve().then(() => { e.before('x'); }); } })),
    thenable: () => rewrite('<p>1</p>', (r) => r.on('p', { element(e) { return { then(done) { e.before('x'); done(); } }; } })),
    returnsElement: () => rewrite('<p>1</p>', (r) => r.on('p', { element: (e) => e.before('x') })),
    many: () => rewrite('<p>1</p>'.repeat(40), (r) => r.on('p', { async element(e) { await null; e.removeAndKeepContent(); } })),
    nested: () => rewrite('<p>1</p><p>2</p>', (r) => r.on('p', { async element(e) {
      e.before(await rewrite('<b>in</b>', (inner) => inner.on('b', { async element(b) { await wait(); b.append('!'); } })), { html: true });
    } })),
    atOnce: async () => (await Promise.all([3, 1, 2].map((n) => rewrite('<p>1</p><p>2</p>', (r) => r.on('p', { async element(e) { await wait(n); e.before(`${n}`); } }))))).join(' '),
    atOnceLong: async () => {
      const html = '<p>word</p>'.repeat(200);
      const all = await Promise.all([0, 1, 2, 3].map((n) => rewrite(html, (r) => r.on('p', { async element(e) { if (Math.random() < 0.5) await null; e.setAttribute('n', n); }, async text(t) { await null; if (t.text) t.replace(`${n}${t.text}`); } }))));
      return all.map((text, n) => text === `<p n="${n}">${n}word</p>`.repeat(200));
    },
    fetchInside: () => rewrite('<p>1</p>', (r) => r.on('p', { async element(e) { e.append(await new Response('body').text()); } })),
  }),
};

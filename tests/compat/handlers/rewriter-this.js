// HTMLRewriter: how handlers are called.
import { probe } from './lib/probe.js';
import { rewrite } from './lib/rewrite.js';
class Collector {
  seen = [];
  element(e) { this.seen.push(e.tagName); }
  text(t) { this.seen.push(t.text); }
}
export default {
  fetch: () => probe({
    classes: async () => { const c = new Collector(); await rewrite('<p>x</p>', (r) => r.on('p', c)); return c.seen; },
    documentThis: async () => { const h = { n: 0, end() { this.n++; } }; await rewrite('x', (r) => r.onDocument(h)); return h.n; },
    readOnce: async () => { let reads = 0; const h = { get element() { reads++; return () => {}; } }; await rewrite('<p><p><p>', (r) => r.on('p', h)); return reads; },
    replacedLater: async () => { const seen = []; const h = { element() { seen.push(1); } }; await rewrite('<p>', (r) => { r.on('p', h); h.element = () => { seen.push(2); }; }); return seen; },
    arguments: async () => { let n; await rewrite('<p>', (r) => r.on('p', { element(...all) { n = all.length; } })); return n; },
    names: async () => { const seen = []; await rewrite('<!DOCTYPE html><p>x<!--c--></p>', (r) => r.on('p', { element(e) { seen.push(String(e)); }, text(t) { seen.push(String(t)); }, comments(c) { seen.push(String(c)); } })); return seen; },
    newToken: async () => { const all = new Set(); await rewrite('<p>', (r) => { for (let i = 0; i < 3; i++) r.on('p', { element(e) { all.add(e); } }); }); return all.size; },
    sharedChanges: async () => { const seen = []; await rewrite('<p a=1>', (r) => r.on('p', { element(e) { e.setAttribute('a', '2'); e.remove(); } }).on('p', { element(e) { seen.push(e.getAttribute('a'), e.removed); } })); return seen; },
    removedInner: async () => { const seen = []; const out = await rewrite('<div><p>x</p></div>', (r) => r.on('div', { element(e) { e.remove(); } }).on('p', { element() { seen.push('p'); }, text(t) { seen.push(t.text); } })); return [seen, out]; },
    renamedMatch: () => rewrite('<p>x</p>', (r) => r.on('p', { element(e) { e.tagName = 'b'; } }).on('b', { element(e) { e.append('!'); } })),
    insertedMatch: () => rewrite('<p>x</p>', (r) => r.on('p', { element(e) { e.before('<b>y</b>', { html: true }); } }).on('b', { element(e) { e.append('!'); } })),
    svg: async () => { const seen = []; await rewrite('<svg><a/><title>t</title></svg><math><mi/></math>', (r) => r.on('*', { element(e) { seen.push([e.tagName, e.namespaceURI]); } })); return seen; },
    selfClosing: () => rewrite('<div/>x<svg><path/></svg>', (r) => r.on('div, path', { element(e) { e.append('in').after('A'); } })),
    customElement: async () => { const seen = []; await rewrite('<my-tag a><x:y></x:y></my-tag>', (r) => r.on('my-tag, x\\:y', { element(e) { seen.push(e.tagName); } })); return seen; },
    esi: () => rewrite('<esi:include src="a" />text', (r) => r.on('esi\\:include', { element(e) { e.replace('R'); } })),
  }),
};

// HTMLRewriter: document types, text and the end of documents.
import { probe } from './lib/probe.js';
import { rewrite } from './lib/rewrite.js';
const types = async (html) => {
  const seen = [];
  const text = await rewrite(html, (r) => r.onDocument({ doctype(d) { seen.push([d.name, d.publicId, d.systemId]); } }));
  return [seen, text === html];
};
export default {
  fetch: () => probe({
    html5: () => types('<!DOCTYPE html><p>'),
    upper: () => types('<!doctype HTML>'),
    legacy: () => types('<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01//EN" "http://www.w3.org/TR/html4/strict.dtd">'),
    system: () => types("<!DOCTYPE html SYSTEM 'about:legacy-compat'>"),
    bare: () => types('<!DOCTYPE>'),
    none: () => types('<p>'),
    end: () => rewrite('<p>x', (r) => r.onDocument({ end(e) { e.append('<!-- a -->', { html: true }).append('<b>'); } })),
    endOfNothing: () => rewrite('', (r) => r.onDocument({ end(e) { e.append('x'); } })),
    endChain: async () => { let same; await rewrite('x', (r) => r.onDocument({ end(e) { same = e.append('') === e; } })); return same; },
    endAsync: () => rewrite('x', (r) => r.onDocument({ async end(e) { await scheduler.wait(1); e.append('late'); } })),
    text: async () => { const seen = []; await rewrite('a<p>b</p>c', (r) => r.onDocument({ text(t) { seen.push(t.text); } })); return seen; },
    order: async () => {
      const seen = [];
      await rewrite('<!DOCTYPE html><p a>x<!--c--></p>', (r) => r
        .onDocument({ doctype() { seen.push('D doctype'); }, comments() { seen.push('D comment'); }, text(t) { seen.push(`D text ${t.text}`); }, end() { seen.push('D end'); } })
        .on('p', { element() { seen.push('p'); }, comments() { seen.push('p comment'); }, text(t) { seen.push(`p text ${t.text}`); } })
        .on('*', { element() { seen.push('*'); }, text(t) { seen.push(`* text ${t.text}`); } }));
      return seen;
    },
    twoDocuments: async () => { const seen = []; await rewrite('x', (r) => r.onDocument({ end() { seen.push(1); } }).onDocument({ end() { seen.push(2); } })); return seen; },
    members: async () => { const seen = []; await rewrite('<!DOCTYPE html>', (r) => r.onDocument({ doctype(d) { seen.push(String(d), typeof d.remove, d.constructor.name); }, end(e) { seen.push(String(e), typeof e.before, e.constructor.name); } })); return seen; },
  }),
};

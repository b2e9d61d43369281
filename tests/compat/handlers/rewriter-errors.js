// HTMLRewriter: what handlers throw, and what is used wrongly.
import { probe } from './lib/probe.js';
import { rewrite, said } from './lib/rewrite.js';
const throwing = (error) => said(() => rewrite('<p>1</p>', (r) => r.on('p', { element() { throw error; } })));
export default {
  fetch: () => probe({
    throws: () => throwing(new RangeError('mine')),
    throwsOwn: async () => { const mine = new Error('mine'); try { await rewrite('<p>', (r) => r.on('p', { element() { throw mine; } })); } catch (error) { return [error === mine, error.message]; } return 'none'; },
    inText: () => said(() => rewrite('<p>1</p>', (r) => r.on('p', { text() { throw new TypeError('text'); } }))),
    inEnd: () => said(() => rewrite('<p>1</p>', (r) => r.onDocument({ end() { throw new TypeError('end'); } }))),
    onlyFirst: async () => { let calls = 0; await said(() => rewrite('<p>1</p><p>2</p>', (r) => r.on('p', { element() { calls++; throw new Error('x'); } }))); return calls; },
    beforeIt: async () => {
      const response = new HTMLRewriter().on('p', { element() { throw new Error('x'); } }).transform(new Response('<b>first</b><p>'));
      return said(() => response.text());
    },
    tokenLater: async () => { let kept; await rewrite('<p>1</p>', (r) => r.on('p', { element(e) { kept = e; } })); return said(() => kept.tagName); },
    tokenLaterAll: async () => {
      const kept = {};
      await rewrite('<!DOCTYPE html><p a=b>1<!--c--></p>', (r) => r
        .on('p', { element(e) { kept.element = e; kept.attributes = e.attributes; e.onEndTag((t) => { kept.tag = t; }); }, text(t) { kept.text = t; }, comments(c) { kept.comment = c; } })
        .onDocument({ doctype(d) { kept.doctype = d; }, end(e) { kept.end = e; } }));
      return Promise.all([
        () => kept.element.before('x'), () => kept.element.getAttribute('a'), () => { kept.element.tagName = 'x'; }, () => kept.element.attributes,
        () => kept.element.onEndTag(() => {}), () => kept.element.removed, () => kept.attributes.next(), () => kept.tag.name, () => kept.tag.remove(),
        () => kept.text.text, () => kept.text.replace('x'), () => kept.comment.text, () => { kept.comment.text = 'x'; }, () => kept.doctype.name, () => kept.end.append('x'),
      ].map(said));
    },
    noCall: () => HTMLRewriter(),
    onNothing: () => new HTMLRewriter().on('p'),
    onNull: () => new HTMLRewriter().on('p', null),
    onString: () => new HTMLRewriter().on('p', 'x'),
    onNullAgain: () => String(new HTMLRewriter().on('p', null).onDocument(null)),
    onFunction: () => String(new HTMLRewriter().on('p', () => {})),
    onNoFunctions: () => said(() => new HTMLRewriter().on('p', { element: 1 })),
    onNullHandler: () => said(() => new HTMLRewriter().on('p', { element: null, text: undefined })).then(String),
    documentNothing: () => new HTMLRewriter().onDocument(),
    documentNumber: () => said(() => new HTMLRewriter().onDocument({ end: 'x' })),
    transformNothing: () => new HTMLRewriter().transform(),
    transformText: () => new HTMLRewriter().transform('<p>'),
    transformRequest: () => new HTMLRewriter().transform(new Request('http://x/', { method: 'POST', body: 'x' })),
    usedBody: async () => { const response = new Response('x'); await response.text(); return new HTMLRewriter().transform(response); },
    lockedBody: async () => { const response = new Response('x'); response.body.getReader(); return new HTMLRewriter().transform(response); },
    ambiguous: () => said(() => rewrite('<select><xmp><script>"use strict";</script></select>', (r) => r.on('*', { element() {} }))),
    inputText: () => said(() => rewrite(ReadableStream.from(['<p>']), (r) => r.on('p', { element() {} }))),
  }),
};

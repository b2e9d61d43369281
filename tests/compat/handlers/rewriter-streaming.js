// HTMLRewriter: documents that stream through, in and out.
//> GET /body
//> GET /probe
//> POST /echo | content-type: text/html | ="<title>t</title><a href='/x'>l</a><p>\u00e9</p>"
import { probe } from './lib/probe.js';
import { pieces, rewrite } from './lib/rewrite.js';
const links = new HTMLRewriter()
  .on('a[href]', { element(e) { e.setAttribute('href', new URL(e.getAttribute('href'), 'https://example.com').href); } })
  .on('title', { text(t) { if (!t.lastInTextNode) t.replace(t.text.toUpperCase()); } });
const page = () => new ReadableStream({
  n: 0,
  async pull(c) {
    await scheduler.wait(1);
    if (this.n++ === 50) c.close();
    else c.enqueue(new TextEncoder().encode(`<li><a href="/${this.n}">item ${this.n}</a></li>\n`));
  },
});
export default {
  async fetch(request) {
    switch (new URL(request.url).pathname) {
      case '/body': return links.transform(new Response(page(), { headers: { 'content-type': 'text/html' } }));
      case '/echo': return links.transform(new Response(request.body, { headers: { 'content-type': 'text/html' } }));
      default: return probe({
        splitTag: () => rewrite(pieces('<', 'p cla', 'ss="', 'a"', '>x</', 'p>'), (r) => r.on('p.a', { element(e) { e.setAttribute('seen', ''); } })),
        bytewise: () => rewrite(pieces(...'<!DOCTYPE html><p id=x>hi<!-- c --></p>'), (r) => r.on('p', { element(e) { e.append('!'); }, comments(c) { c.remove(); } })),
        large: async () => {
          let count = 0;
          const out = await rewrite('<p>some words in a paragraph</p>\n'.repeat(20000), (r) => r.on('p', { element(e) { count++; e.removeAndKeepContent(); } }));
          return [count, out.length];
        },
        early: async () => {
          const reader = links.transform(new Response(page())).body.getReader();
          const { value } = await reader.read();
          await reader.cancel('enough');
          return new TextDecoder().decode(value).length > 0;
        },
        cancelled: async () => {
          let why;
          const source = new ReadableStream({ pull(c) { c.enqueue(new TextEncoder().encode('<p>x</p>'.repeat(10))); }, cancel(reason) { why = reason; } });
          const reader = links.transform(new Response(source)).body.getReader();
          await reader.read();
          await reader.cancel('enough');
          await scheduler.wait(5);
          return typeof why;
        },
        backpressure: async () => {
          let pulls = 0;
          const source = new ReadableStream({ async pull(c) { await null; pulls++; c.enqueue(new TextEncoder().encode('<p>text</p>'.repeat(1000))); } });
          const reader = new HTMLRewriter().on('p', { element(e) { e.append('x'); } }).transform(new Response(source)).body.getReader();
          await reader.read();
          await scheduler.wait(30);
          const before = pulls;
          await reader.cancel();
          return before < 10;
        },
        longText: async () => { let all = 0; const out = await rewrite(`<p>${'é'.repeat(100000)}</p>`, (r) => r.on('p', { text(t) { all += t.text.length; } })); return [all, out.length]; },
        wholeText: async () => { const seen = []; await rewrite(`<p>${'x'.repeat(300000)}`, (r) => r.on('p', { text(t) { seen.push(t.text.length); } })); return seen; },
        unread: async () => { let n = 0; links.transform(new Response('x')); new HTMLRewriter().on('p', { element() { n++; } }).transform(new Response('<p>')); await scheduler.wait(20); return n; },
        deep: async () => { let deepest = 0; await rewrite('<div>'.repeat(500), (r) => r.on('div', { element() { deepest++; } })); return deepest; },
        manyHandlers: async () => { let hits = 0; await rewrite('<p class=x>', (r) => { for (let i = 0; i < 200; i++) r.on(i % 2 ? 'p' : '.x', { element() { hits++; } }); }); return hits; },
      });
    }
  },
};

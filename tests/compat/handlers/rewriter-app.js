// An app around HTMLRewriter: links, lazy images, a table of contents, a nonce for scripts.
//> GET /
//> GET /broken
const PAGE = `<!DOCTYPE html>
<html><head><title>Page</title><script src="/a.js"></script><script>inline()</script></head>
<body><h1 id="one">First &amp; foremost</h1><p><a href="http://old.example/x">link</a> <a href="/local">local</a></p>
<h2>Second</h2><img src="a.png"><img src="b.png" loading="eager"><!-- secret --><ul id="toc"></ul></body></html>`;
class Toc {
  entries = [];
  #text = '';
  element(element) {
    this.#text = '';
    element.onEndTag(() => { this.entries.push(this.#text.trim()); });
  }
  text(chunk) { this.#text += chunk.text; }
}
export default {
  async fetch(request) {
    const toc = new Toc();
    const rewriter = new HTMLRewriter()
      .on('a[href^="http://"]', { element: (e) => e.setAttribute('href', e.getAttribute('href').replace('http:', 'https:')).setAttribute('rel', 'noopener') })
      .on('img:not([loading])', { element: (e) => { e.setAttribute('loading', 'lazy'); } })
      .on('script', { element: (e) => { e.setAttribute('nonce', 'r4nd0m'); } })
      .on('h1, h2', toc)
      .on('#toc', { async element(e) { await null; for (const entry of toc.entries) e.append(`<li>${entry}</li>`, { html: true }); } })
      .on('title', { element: (e) => { e.setInnerContent('Rewritten <b>'); } })
      .onDocument({ comments: (c) => { c.remove(); }, end: (end) => { end.append('<!-- done -->', { html: true }); } });
    const html = new URL(request.url).pathname === '/broken' ? `${PAGE}<p <b>unclosed <a href=http://x` : PAGE;
    return rewriter.transform(new Response(html, { headers: { 'content-type': 'text/html; charset=utf-8' } }));
  },
};

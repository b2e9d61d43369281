// Polishes a page as it streams through: lazy images, safe links, ids for headings, includes from elsewhere. POST a page,
// or give ?url= one to fetch.
const slug = (text) => text.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, '-').replace(/^-|-$/g, '');

/** A heading's text is known at its end, its id stands at its start: so the id goes on an anchor behind the text. */
class Headings {
  #text = '';
  element(heading) {
    this.#text = '';
    heading.onEndTag((end) => { end.before(`<a id="${slug(this.#text)}"></a>`, { html: true }); });
  }
  text(chunk) { this.#text += chunk.text; }
}

/** `<link rel="include" href="...">` becomes what is there, which streams into its place. */
async function include(link) {
  const response = await fetch(link.getAttribute('href'));
  if (response.ok) link.replace(response, { html: true });
  else link.remove();
}

export default {
  async fetch(request) {
    const url = new URL(request.url).searchParams.get('url');
    const page = url === null
      ? new Response(request.body, { headers: { 'content-type': request.headers.get('content-type') ?? 'text/html' } })
      : await fetch(url);
    return new HTMLRewriter()
      .on('img:not([loading])', { element(image) { image.setAttribute('loading', 'lazy'); } })
      .on('a[target="_blank"]', { element(link) { link.setAttribute('rel', 'noopener'); } })
      .on('h1, h2, h3', new Headings())
      .on('link[rel="include"]', { element: include })
      .onDocument({ comments(comment) { comment.remove(); } })
      .transform(page);
  },
};

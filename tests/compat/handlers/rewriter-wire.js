// HTMLRewriter: transformed responses on the wire, with lengths and encodings of the original.
//> GET /length
//> GET /status
//> GET /gzip | accept-encoding: gzip
//> GET /null
//> HEAD /length
const PAGE = '<!DOCTYPE html><title>old</title><p>text</p>';
const rewriter = new HTMLRewriter().on('title', { element(e) { e.setInnerContent('a title that is longer than before'); } });
export default {
  fetch(request) {
    const headers = { 'content-type': 'text/html' };
    switch (new URL(request.url).pathname) {
      case '/length': return rewriter.transform(new Response(PAGE, { headers: { ...headers, 'content-length': `${PAGE.length}`, etag: '"1"' } }));
      case '/status': return rewriter.transform(new Response(PAGE, { status: 404, headers }));
      case '/gzip': return rewriter.transform(new Response(PAGE, { headers: { ...headers, 'content-encoding': 'gzip' } }));
      default: return rewriter.transform(new Response(null, { headers }));
    }
  },
};

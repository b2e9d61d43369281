// Sends the request back: method, URL and headers as JSON, or with ?raw the body as it streams in.
export default {
  async fetch(request) {
    const url = new URL(request.url);
    if (url.searchParams.has('raw')) {
      return new Response(request.body, {
        headers: { 'content-type': request.headers.get('content-type') ?? 'application/octet-stream' },
      });
    }
    return Response.json({
      method: request.method,
      url: request.url,
      // Pairs, because a header may come more than once.
      headers: [...request.headers],
      body: await request.text(),
    });
  },
};

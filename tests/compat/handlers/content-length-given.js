// Content-Length that the handler says itself.
//> GET /right
//> GET /stream
//> HEAD /stream
export default {
  fetch(request) {
    const headers = { 'content-length': '5' };
    if (request.url.endsWith('right')) return new Response('hello', { headers });
    return new Response(ReadableStream.from([new TextEncoder().encode('hello')]), { headers });
  },
};

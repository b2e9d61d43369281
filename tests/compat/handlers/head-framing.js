// HEAD for bodies of known and unknown length.
//> HEAD /string
//> HEAD /blob
//> HEAD /stream
//> HEAD /null
//> HEAD /given
export default {
  fetch(request) {
    switch (new URL(request.url).pathname) {
      case '/string': return new Response('hello');
      case '/blob': return new Response(new Blob(['hello']));
      case '/stream': return new Response(ReadableStream.from([new Uint8Array([1])]));
      case '/given': return new Response(null, { headers: { 'content-length': '42' } });
      default: return new Response(null);
    }
  },
};

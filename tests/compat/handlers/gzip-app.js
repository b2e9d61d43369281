// A body compressed by the handler.
//> GET /
export default {
  fetch() {
    const body = new Response('hello '.repeat(100)).body;
    return new Response(body.pipeThrough(new CompressionStream('gzip')).pipeThrough(new DecompressionStream('gzip')));
  },
};

// A Content-Encoding without encodeBody: the body is compressed on its way out.
//> GET /gzip | accept-encoding: gzip
//> GET /gzip
//> GET /br | accept-encoding: br
//> GET /deflate | accept-encoding: deflate
//> GET /identity
//> GET /nonsense
//> HEAD /gzip
//> GET /empty
export default {
  fetch(request) {
    const path = new URL(request.url).pathname.slice(1);
    const encoding = path === 'empty' ? 'gzip' : path;
    return new Response(path === 'empty' ? null : 'hello '.repeat(20), { headers: { 'content-encoding': encoding } });
  },
};

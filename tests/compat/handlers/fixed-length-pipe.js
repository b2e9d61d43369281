// FixedLengthStream behind a pipe.
//> GET /
//> GET /wrong
export default {
  fetch(request) {
    const body = new Response('hello').body;
    return new Response(body.pipeThrough(new FixedLengthStream(request.url.endsWith('wrong') ? 4 : 5)));
  },
};

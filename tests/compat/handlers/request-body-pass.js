// A request's body handed on as the response's.
//> POST / | =some text
//> POST / | =
//> GET /
//> PUT /through | =some text
export default {
  fetch(request) {
    if (request.url.endsWith('through')) return new Response(request.body.pipeThrough(new TransformStream()));
    return new Response(request.body);
  },
};

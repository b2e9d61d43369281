// Every kind of status.
//> GET /200
//> GET /201
//> GET /202
//> GET /206
//> GET /299
//> GET /300
//> GET /400
//> GET /404
//> GET /418
//> GET /429
//> GET /451
//> GET /500
//> GET /503
//> GET /599
export default {
  fetch: (request) => new Response('body', { status: Number(new URL(request.url).pathname.slice(1)), statusText: 'Some Text' }),
};

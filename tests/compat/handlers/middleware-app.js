// Middleware that changes requests and responses.
//> GET /
//> GET / | x-user: kim
const withUser = (next) => (request, env, ctx) => {
  const changed = new Request(request);
  changed.headers.set('x-user', request.headers.get('x-user') ?? 'nobody');
  return next(changed, env, ctx);
};
const withTime = (next) => async (request, env, ctx) => {
  const response = await next(request, env, ctx);
  const copy = new Response(response.body, response);
  copy.headers.set('x-took', 'some time');
  copy.headers.delete('x-secret');
  return copy;
};
const app = withTime(withUser((request) => new Response(`hello ${request.headers.get('x-user')}`, { headers: { 'x-secret': '1' } })));
export default { fetch: app };

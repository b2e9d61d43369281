// A router of URLPatterns.
//> GET /users/7
//> GET /users/7/posts/8
//> DELETE /users/7
//> GET /static/a/b.css
//> GET /nothing
const routes = [
  ['GET', new URLPattern({ pathname: '/users/:id' }), ({ id }) => Response.json({ id })],
  ['GET', new URLPattern({ pathname: '/users/:id/posts/:post' }), (groups) => Response.json(groups)],
  ['DELETE', new URLPattern({ pathname: '/users/:id' }), () => new Response(null, { status: 204 })],
  ['GET', new URLPattern({ pathname: '/static/*' }), (groups) => new Response(groups[0], { headers: { 'content-type': 'text/css' } })],
];
export default {
  fetch(request) {
    for (const [method, pattern, handle] of routes) {
      const match = request.method === method && pattern.exec(request.url);
      if (match) return handle(match.pathname.groups);
    }
    return new Response('nothing here', { status: 404 });
  },
};

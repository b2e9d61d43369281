// waitUntil goes on behind the response, and what fails there fails nobody.
//> GET /
//> GET /
//> GET /reject
//> GET /
let done = 0;
export default {
  fetch(request, env, ctx) {
    if (request.url.endsWith('reject')) {
      ctx.waitUntil(Promise.reject(new Error('on purpose')));
      return new Response('rejected');
    }
    const before = done;
    ctx.waitUntil(Promise.resolve().then(() => { done++; }));
    return new Response(`${before}`);
  },
};

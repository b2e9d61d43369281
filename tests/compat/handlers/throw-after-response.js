// What is thrown behind the response's back.
//> GET /
//> GET /later
export default {
  fetch(request, env, ctx) {
    ctx.waitUntil((async () => { throw new Error('on purpose'); })());
    if (request.url.endsWith('later')) setTimeout(() => { throw new Error('on purpose'); }, 0);
    return new Response('fine');
  },
};

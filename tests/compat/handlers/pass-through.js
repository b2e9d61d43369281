// passThroughOnException before a throw: here is no origin to pass to.
export default {
  fetch(request, env, ctx) {
    ctx.passThroughOnException();
    return new Response('fine');
  },
};

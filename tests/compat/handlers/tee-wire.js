// One half of a tee to the caller, one to the handler.
export default {
  async fetch(request, env, ctx) {
    const [mine, yours] = new Response('shared '.repeat(1000)).body.tee();
    let size = 0;
    ctx.waitUntil((async () => { for await (const chunk of mine) size += chunk.length; })());
    return new Response(yours, { headers: { 'x-size': `${size}` } });
  },
};

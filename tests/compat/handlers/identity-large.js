// Much through an IdentityTransformStream, in pieces.
export default {
  fetch(request, env, ctx) {
    const { readable, writable } = new IdentityTransformStream();
    const writer = writable.getWriter();
    ctx.waitUntil((async () => {
      for (let i = 0; i < 40; i++) await writer.write(new Uint8Array(10000).fill(i));
      await writer.close();
    })());
    return new Response(readable);
  },
};

// An IdentityTransformStream as the body, with text and bytes written to it.
export default {
  fetch(request, env, ctx) {
    const { readable, writable } = new IdentityTransformStream();
    const writer = writable.getWriter();
    ctx.waitUntil((async () => {
      await writer.write(new TextEncoder().encode('bytes '));
      await writer.write('and text ');
      await writer.write(new Uint8Array([33]).buffer);
      await writer.close();
    })());
    return new Response(readable);
  },
};

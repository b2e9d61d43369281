// A body that is given up half way.
export default {
  fetch(request, env, ctx) {
    const { readable, writable } = new IdentityTransformStream();
    const writer = writable.getWriter();
    ctx.waitUntil((async () => {
      await writer.write(new Uint8Array(100));
      await scheduler.wait(20);
      await writer.abort(new Error('on purpose'));
    })().catch(() => {}));
    return new Response(readable);
  },
};

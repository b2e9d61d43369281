// Server-sent events through a TransformStream that is written behind the response's back.
export default {
  fetch(request, env, ctx) {
    const { readable, writable } = new TransformStream();
    const writer = writable.getWriter();
    const encoder = new TextEncoder();
    ctx.waitUntil((async () => {
      for (let i = 0; i < 3; i++) {
        await writer.write(encoder.encode(`data: ${i}\n\n`));
        await scheduler.wait(1);
      }
      await writer.close();
    })());
    return new Response(readable, { headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' } });
  },
};

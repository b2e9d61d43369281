// FixedLengthStream gives the response its Content-Length.
//> GET /5
//> HEAD /5
//> GET /0
//> GET /short
//> GET /long
export default {
  fetch(request, env, ctx) {
    const path = new URL(request.url).pathname.slice(1);
    const said = path === '0' ? 0 : 5;
    const sent = { 5: 'hello', 0: '', short: 'hel', long: 'hello world' }[path];
    const { readable, writable } = new FixedLengthStream(said);
    const writer = writable.getWriter();
    ctx.waitUntil((async () => {
      try {
        if (sent !== '') await writer.write(new TextEncoder().encode(sent));
        await writer.close();
      } catch {
        // The body tells.
      }
    })());
    return new Response(readable);
  },
};

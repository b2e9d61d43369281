// A body that is a stream made by the handler.
//> GET /
//> HEAD /
//> GET /text
//> GET /empty
//> GET /fail
export default {
  fetch(request) {
    const path = new URL(request.url).pathname;
    const encoder = new TextEncoder();
    let left = 5;
    return new Response(new ReadableStream({
      pull(controller) {
        if (path === '/empty') return controller.close();
        if (path === '/text') { controller.enqueue('a string'); return controller.close(); }
        if (path === '/fail' && left === 2) throw new Error('on purpose');
        controller.enqueue(encoder.encode(`line ${left}\n`));
        if (--left === 0) controller.close();
      },
    }), { headers: { 'content-type': 'text/plain' } });
  },
};

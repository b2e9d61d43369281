// A clock over server-sent events: `curl -N` it, or open it with EventSource.
//   ?every=MS  time between ticks (default 1000)   ?count=N  ends after N ticks
export default {
  async fetch(request) {
    const query = new URL(request.url).searchParams;
    const every = Math.max(10, Number(query.get('every') ?? 1000));
    const count = Number(query.get('count') ?? Infinity);
    const encoder = new TextEncoder();
    let timer;
    let sent = 0;

    const body = new ReadableStream({
      start(controller) {
        const tick = () => {
          sent += 1;
          const data = JSON.stringify({ tick: sent, time: new Date().toISOString() });
          controller.enqueue(encoder.encode(`id: ${sent}\nevent: tick\ndata: ${data}\n\n`));
          if (sent < count) return;
          clearInterval(timer);
          controller.close();
        };
        timer = setInterval(tick, every);
        tick();
      },
    });
    // The caller went away: stop the clock.
    request.signal.addEventListener('abort', () => {
      clearInterval(timer);
      console.log(`the caller left after ${sent} ticks`);
    });
    return new Response(body, {
      headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' },
    });
  },
};

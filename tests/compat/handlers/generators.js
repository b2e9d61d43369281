// Generators as bodies.
export default {
  fetch() {
    async function* lines() {
      for (let i = 0; i < 3; i++) {
        await scheduler.wait(1);
        yield new TextEncoder().encode(`line ${i}\n`);
      }
    }
    return new Response(ReadableStream.from(lines()));
  },
};

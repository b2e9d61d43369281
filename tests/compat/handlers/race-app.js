// Work that is raced against a timeout.
//> GET /fast
//> GET /slow
export default {
  async fetch(request) {
    const work = scheduler.wait(request.url.endsWith('fast') ? 1 : 2000).then(() => 'done');
    const late = new Promise((_, fail) => setTimeout(() => fail(new Error('late')), 50));
    try {
      return new Response(await Promise.race([work, late]));
    } catch (error) {
      return new Response(error.message, { status: 504 });
    }
  },
};

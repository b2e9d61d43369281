// Rejections and errors that nobody handles do not hurt the answer.
//> GET /
//> GET /
export default {
  async fetch() {
    Promise.reject(new Error('on purpose'));
    queueMicrotask(() => { throw new Error('on purpose'); });
    await scheduler.wait(2);
    return new Response('fine');
  },
};

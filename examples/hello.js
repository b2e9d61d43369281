// The smallest handler: says what was asked.
export default {
  async fetch(request) {
    return new Response(`Hello from a browser tab!\n\n${request.method} ${request.url}\n`);
  },
};

// A Response whose body was read already.
export default {
  async fetch() {
    const response = new Response('x');
    await response.text();
    return response;
  },
};

// A Response whose body somebody else reads.
export default {
  fetch() {
    const response = new Response('x');
    response.body.getReader();
    return response;
  },
};

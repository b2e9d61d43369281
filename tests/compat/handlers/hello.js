// The smallest handler.
//> GET /
//> HEAD /
//> POST / | =x
export default {
  fetch() {
    return new Response('Hello World');
  },
};

// A header with text beyond ASCII, on its way in and out again.
//> GET / | x-text: grün ✓
export default {
  fetch: (request) => new Response('echoed', { headers: { 'x-text': request.headers.get('x-text') } }),
};

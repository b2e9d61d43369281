// Every method that a caller may use.
//> GET /
//> HEAD /
//> POST / | =b
//> PUT / | =b
//> PATCH / | =b
//> DELETE / | =b
//> OPTIONS /
//> PURGE /
//> PROPFIND /
//> LOCK /
export default {
  async fetch(request) {
    return new Response(`${request.method} ${request.body === null} ${await request.text()}`, { headers: { 'x-method': request.method } });
  },
};

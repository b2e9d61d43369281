// What a handler sees of a request.
//> GET /a/b%20c?q=1&q=2
//> POST /x | content-type: text/plain | =hello
//> PUT / | cookie: a=1 | origin: http://other.example | referer: http://r.example/ | accept-encoding: br | =x
//> DELETE /
//> PATCH / | x-multi: 1 | x-multi: 2 | =p
//> OPTIONS /
// What a gateway adds on the way: who called, and how.
const added = ['cf-connecting-ip', 'x-forwarded-for', 'x-forwarded-proto', 'x-real-ip'];
export default {
  async fetch(request) {
    const headers = [...request.headers].filter(([name]) => !added.includes(name));
    return Response.json({
      method: request.method, url: request.url, headers, body: await request.text(),
      redirect: request.redirect, bodyUsed: request.bodyUsed, keepalive: request.keepalive, integrity: request.integrity,
    });
  },
};

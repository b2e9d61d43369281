// What a handler sees of a request.
//> GET /a/b%20c?q=1&q=2
//> POST /x | content-type: text/plain | =hello
//> PUT / | cookie: a=1 | origin: http://other.example | referer: http://r.example/ | accept-encoding: br | =x
//> DELETE /
//> PATCH / | x-multi: 1 | x-multi: 2 | =p
//> OPTIONS /
export default {
  async fetch(request) {
    return Response.json({
      method: request.method, url: request.url, headers: [...request.headers], body: await request.text(),
      redirect: request.redirect, bodyUsed: request.bodyUsed, keepalive: request.keepalive, integrity: request.integrity,
      cache: `${request.cache}`,
    });
  },
};

// Redirects as the caller gets them.
//> GET /301
//> GET /302
//> GET /303
//> GET /307
//> GET /308
export default {
  fetch: (request) => Response.redirect('https://a.example/path?q=é', Number(new URL(request.url).pathname.slice(1))),
};

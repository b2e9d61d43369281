// URLs as callers write them.
//> GET /a//b/./c/../d?x=%20&y=+#no
//> GET /%E2%9C%93/%zz?%
//> GET /;a=b,c?d=e;f
//> GET //double
//> GET /?a[]=1&a[]=2
//> GET /a?x=é
//> OPTIONS /*
export default {
  fetch(request) {
    const url = new URL(request.url);
    return Response.json({ url: request.url, path: url.pathname, search: url.search, params: [...url.searchParams] });
  },
};

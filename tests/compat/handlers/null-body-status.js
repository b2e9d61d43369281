// 101, 204, 205 and 304 have no body.
//> GET /204
//> GET /205
//> GET /304
//> GET /204?body
//> GET /204?empty
//> GET /101
export default {
  fetch(request) {
    const url = new URL(request.url);
    const body = url.search === '?body' ? 'x' : url.search === '?empty' ? '' : null;
    return new Response(body, { status: Number(url.pathname.slice(1)), headers: { 'x-a': '1' } });
  },
};

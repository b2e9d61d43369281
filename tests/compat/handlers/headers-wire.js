// Response headers as the caller gets them.
export default {
  fetch() {
    const response = new Response('x', { headers: { 'X-Upper-Case': '1', 'Content-Type': 'application/x; a=b', 'cache-control': 'no-store' } });
    response.headers.append('link', '</a>; rel=x');
    response.headers.append('link', '</b>; rel=y');
    response.headers.append('vary', 'accept');
    response.headers.set('x-latin', '\u00e9');
    response.headers.set('x-empty', '');
    return response;
  },
};

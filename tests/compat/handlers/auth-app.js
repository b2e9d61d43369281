// Basic authentication with a comparison that takes the same time for all.
//> GET /
//> GET / | authorization: Basic dXNlcjpwYXNz
//> GET / | authorization: Basic bm9ib2R5OnBhc3M=
//> GET / | authorization: Nonsense
const encoder = new TextEncoder();
const equal = (a, b) => {
  const [left, right] = [encoder.encode(a), encoder.encode(b)];
  return left.byteLength === right.byteLength ? crypto.subtle.timingSafeEqual(left, right) : !crypto.subtle.timingSafeEqual(left, left);
};
export default {
  fetch(request) {
    const [scheme, code] = (request.headers.get('Authorization') ?? '').split(' ');
    if (scheme !== 'Basic') return new Response('Who?', { status: 401, headers: { 'WWW-Authenticate': 'Basic realm="x", charset="UTF-8"' } });
    const [user, pass] = atob(code).split(':');
    return equal(user, 'user') && equal(pass, 'pass') ? new Response('in', { headers: { 'cache-control': 'no-store' } })
      : new Response('out', { status: 403 });
  },
};

// Ranges, by hand.
//> GET / | range: bytes=2-4
//> GET / | range: bytes=90-
//> GET /
const text = 'hello world';
export default {
  fetch(request) {
    const match = /^bytes=(\d+)-(\d*)$/.exec(request.headers.get('range') ?? '');
    if (match === null) return new Response(text, { headers: { 'accept-ranges': 'bytes' } });
    const from = Number(match[1]);
    if (from >= text.length) return new Response(null, { status: 416, headers: { 'content-range': `bytes */${text.length}` } });
    const to = match[2] === '' ? text.length - 1 : Number(match[2]);
    return new Response(text.slice(from, to + 1), { status: 206, headers: { 'content-range': `bytes ${from}-${to}/${text.length}` } });
  },
};

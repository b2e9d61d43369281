// new Response(other.body, other), the way that Workers code changes responses.
//> GET /
//> GET /stream
export default {
  fetch(request) {
    const body = request.url.endsWith('stream') ? new Blob(['abc']).stream() : 'abc';
    const first = new Response(body, { status: 202, headers: { 'x-a': '1', 'set-cookie': 'a=1' } });
    const second = new Response(first.body, first);
    second.headers.set('x-b', `${first.bodyUsed}`);
    second.headers.append('set-cookie', 'b=2');
    return second;
  },
};

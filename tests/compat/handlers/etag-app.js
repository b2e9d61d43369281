// Conditional requests.
//> GET /
//> GET / | if-none-match: "2cf24dba"
//> HEAD /
export default {
  async fetch(request) {
    const body = new TextEncoder().encode('hello');
    const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', body));
    const etag = `"${[...digest.slice(0, 4)].map((b) => b.toString(16).padStart(2, '0')).join('')}"`;
    if (request.headers.get('if-none-match') === etag) return new Response(null, { status: 304, headers: { etag } });
    return new Response(body, { headers: { etag, 'content-type': 'text/plain' } });
  },
};

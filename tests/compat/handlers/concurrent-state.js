// Module state lives between requests.
//> GET /
//> GET /
//> GET /
let count = 0;
export default { fetch: () => new Response(`${++count}`) };

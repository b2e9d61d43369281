// One Response for two requests.
//> GET /
//> GET /
let response;
export default { fetch: () => (response ??= new Response('once')) };

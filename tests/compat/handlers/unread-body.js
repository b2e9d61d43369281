// A request's body that nobody reads.
//> POST / | =ignored
//> PUT / | =ignored too
export default { fetch: () => new Response('did not look') };

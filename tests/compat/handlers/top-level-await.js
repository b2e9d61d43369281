// A module that waits for something before it is ready.
const value = await Promise.resolve('ready');
export default { fetch: () => new Response(value) };

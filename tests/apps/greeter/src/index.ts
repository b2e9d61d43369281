// The other end of a service binding.
export default {
  async fetch(request: Request): Promise<Response> {
    const { name } = await request.json<{ name: string }>();
    const body = `Hello, ${name}! `.repeat(200);
    return new Response(body, { headers: { 'content-encoding': 'gzip', 'x-from': 'greeter' } });
  },
};

// A session by cookie.
//> GET /
//> GET / | cookie: session=abc; theme=dark
//> POST /login | content-type: application/x-www-form-urlencoded | =user=x
export default {
  async fetch(request) {
    const cookies = Object.fromEntries((request.headers.get('Cookie') ?? '').split('; ').filter(Boolean).map((c) => c.split('=')));
    if (request.method === 'POST') {
      const form = await request.formData();
      const response = new Response(null, { status: 303, headers: { Location: '/' } });
      response.headers.append('Set-Cookie', `session=${form.get('user')}; HttpOnly; Path=/`);
      response.headers.append('Set-Cookie', 'theme=; Max-Age=0');
      return response;
    }
    return Response.json(cookies);
  },
};

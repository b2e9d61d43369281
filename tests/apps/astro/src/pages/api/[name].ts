import type { APIRoute } from 'astro';

export const GET: APIRoute = ({ params, locals, cookies }) => {
  cookies.set('seen', 'yes', { path: '/' });
  return Response.json({ name: params.name, greeting: (locals as any).runtime.env.GREETING });
};
export const POST: APIRoute = async ({ request }) => Response.json({ got: await request.json() }, { status: 201 });

// A todo list in D1, with Drizzle (https://orm.drizzle.team/docs/connect-cloudflare-d1), migrated by Kysely's Migrator
// (https://kysely.dev/docs/migrations) over kysely-d1.
import { and, count, desc, eq, like } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/d1';
import { Kysely } from 'kysely';
import { D1Dialect } from 'kysely-d1';
import { migrate } from './migrations';
import * as schema from './schema';

interface Env { DB: D1Database; TITLE: string; LIMITS: { todos: number } }

let migrated: Promise<string[]> | undefined;

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    const kysely = new Kysely<any>({ dialect: new D1Dialect({ database: env.DB }) });
    const applied = await (migrated ??= migrate(kysely));
    const db = drizzle(env.DB, { schema });
    const { lists, todos } = schema;
    const [, what, id] = pathname.split('/');
    switch (`${request.method} /${what}`) {
      case 'GET /migrations': return Response.json({ applied, again: await migrate(kysely) });
      case 'GET /': return Response.json({ title: env.TITLE, limits: env.LIMITS });
      case 'POST /todos': {
        const { text, list } = await request.json<{ text: string; list: string }>();
        const [{ n }] = await db.select({ n: count() }).from(todos);
        if (n >= env.LIMITS.todos) return Response.json({ error: 'enough to do' }, { status: 409 });
        await db.insert(lists).values({ name: list }).onConflictDoNothing();
        const [made] = await db.insert(todos).values({ text, list, tags: ['new'] }).returning();
        return Response.json(made, { status: 201 });
      }
      case 'GET /todos': {
        const wanted = searchParams.get('like');
        const found = await db.query.todos.findMany({
          where: and(eq(todos.done, searchParams.get('done') === 'true'), wanted ? like(todos.text, wanted) : undefined),
          orderBy: desc(todos.id),
          with: { inList: true },
        });
        return Response.json(found);
      }
      case 'PATCH /todos': {
        const [changed] = await db.update(todos).set({ done: true, doneAt: new Date(0) }).where(eq(todos.id, Number(id))).returning();
        return changed ? Response.json(changed) : Response.json({ error: 'no such todo' }, { status: 404 });
      }
      case 'DELETE /todos': {
        const { meta } = await db.delete(todos).where(eq(todos.id, Number(id)));
        return new Response(null, { status: meta.changes === 1 ? 204 : 404 });
      }
      case 'POST /batch': {
        const [made, all] = await db.batch([
          db.insert(lists).values({ name: 'batched' }).returning(),
          db.select().from(lists).orderBy(lists.name),
        ]);
        return Response.json({ made, all });
      }
      case 'GET /report': {
        const rows = await kysely.selectFrom('todos').innerJoin('lists', 'lists.name', 'todos.list')
          .select(({ fn }) => ['lists.name', fn.countAll<number>().as('n')]).groupBy('lists.name').orderBy('lists.name').execute();
        return Response.json(rows);
      }
      case 'POST /broken': {
        const error = await db.insert(todos).values({ text: 'x', list: 'nowhere', tags: [] }).then(() => null, (error) => error);
        return Response.json({ message: `${error?.cause?.message ?? error?.message}` }, { status: 400 });
      }
      default: return new Response('Not Found', { status: 404 });
    }
  },
};

// https://chanfana.com/: endpoints with schemas; the OpenAPI document is made from them.
import { contentJson, fromHono, NotFoundException, OpenAPIRoute } from 'chanfana';
import { Hono, type Context } from 'hono';
import { z } from 'zod';

const Task = z.object({
  name: z.string().min(1).describe('What is to be done'),
  slug: z.string().regex(/^[a-z-]+$/),
  completed: z.boolean().default(false),
  due: z.iso.date(),
});

const tasks = new Map([['lorem', { name: 'Lorem', slug: 'lorem', completed: false, due: '2026-01-05' }]]);

class TaskList extends OpenAPIRoute {
  schema = {
    tags: ['Tasks'],
    summary: 'List Tasks',
    request: {
      query: z.object({ page: z.coerce.number().int().min(0).default(0), completed: z.enum(['yes', 'no']).optional() }),
    },
    responses: { '200': { description: 'The tasks', ...contentJson(z.object({ page: z.number(), tasks: Task.array() })) } },
  };

  async handle(_: Context) {
    const { query } = await this.getValidatedData<typeof this.schema>();
    return { page: query.page, tasks: [...tasks.values()] };
  }
}

class TaskCreate extends OpenAPIRoute {
  schema = {
    tags: ['Tasks'],
    request: { body: contentJson(Task) },
    responses: { '201': { description: 'The task', ...contentJson(Task) } },
  };

  async handle(c: Context) {
    const { body } = await this.getValidatedData<typeof this.schema>();
    return c.json(body, 201);
  }
}

class TaskFetch extends OpenAPIRoute {
  schema = {
    request: { params: z.object({ slug: z.string() }) },
    responses: { '200': { description: 'The task', ...contentJson(Task) }, ...NotFoundException.schema() },
  };

  async handle(_: Context) {
    const { params } = await this.getValidatedData<typeof this.schema>();
    const task = tasks.get(params.slug);
    if (!task) throw new NotFoundException();
    return task;
  }
}

const openapi = fromHono(new Hono(), {
  docs_url: '/docs',
  openapi_url: '/openapi.json',
  schema: { info: { title: 'Tasks', version: '1.0.0' } },
});
openapi.get('/api/tasks', TaskList);
openapi.post('/api/tasks', TaskCreate);
openapi.get('/api/tasks/:slug', TaskFetch);

export default openapi;

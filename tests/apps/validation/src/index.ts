// zod and @cfworker/json-schema in a Worker without a framework.
import { Validator, type Schema } from '@cfworker/json-schema';
import * as z from 'zod';

const Player = z.object({
  username: z.string().trim().toLowerCase().min(2),
  xp: z.number().int().nonnegative().default(100),
  email: z.email().optional(),
  born: z.coerce.date().optional(),
  role: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('guest') }),
    z.object({ kind: z.literal('member'), since: z.iso.date() }),
  ]),
}).strict().refine((player) => player.xp < 1000 || player.role.kind === 'member', { path: ['xp'], error: 'guests stay below 1000' });

const schema: Schema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object',
  required: ['name', 'email', 'number', 'bool'],
  properties: {
    name: { type: 'string' },
    email: { type: 'string', format: 'email' },
    number: { type: 'number', minimum: 3, multipleOf: 0.5 },
    bool: { type: 'boolean' },
    tags: { type: 'array', prefixItems: [{ const: 'first' }], items: { $ref: '#/$defs/tag' } },
  },
  $defs: { tag: { type: 'string', pattern: '^\\p{L}+$' } },
  unevaluatedProperties: false,
};

export default {
  async fetch(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    if (pathname === '/schema') return Response.json(z.toJSONSchema(z.object({ id: z.uuid(), n: z.int().max(9) })));
    const value: unknown = await request.json();
    if (pathname === '/zod') {
      const result = await Player.safeParseAsync(value);
      return result.success
        ? Response.json(result.data)
        : Response.json({ issues: result.error.issues, tree: z.treeifyError(result.error), pretty: z.prettifyError(result.error) }, { status: 422 });
    }
    const { valid, errors } = new Validator(schema, '2020-12', false).validate(value);
    return Response.json({ valid, errors }, { status: valid ? 200 : 422 });
  },
} satisfies ExportedHandler;

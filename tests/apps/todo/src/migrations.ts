import { type Kysely, sql } from 'kysely';
import { type Migration, Migrator } from 'kysely/migration';

const migrations: Record<string, Migration> = {
  '0001_init': {
    async up(db: Kysely<any>) {
      await db.schema.createTable('lists').addColumn('name', 'text', (column) => column.primaryKey()).execute();
      await db.schema.createTable('todos')
        .addColumn('id', 'integer', (column) => column.primaryKey().autoIncrement())
        .addColumn('text', 'text', (column) => column.notNull())
        .addColumn('list', 'text', (column) => column.notNull().references('lists.name'))
        .addColumn('done', 'integer', (column) => column.notNull().defaultTo(0))
        .execute();
    },
  },
  '0002_tags': {
    async up(db: Kysely<any>) {
      await db.schema.alterTable('todos').addColumn('tags', 'text', (column) => column.notNull().defaultTo('[]')).execute();
      await db.schema.alterTable('todos').addColumn('done_at', 'integer').execute();
      await sql`create index todos_done on todos (done)`.execute(db);
    },
  },
};

/** Applies what is new; gives the names of what was applied. */
export async function migrate(db: Kysely<any>): Promise<string[]> {
  const migrator = new Migrator({ db, provider: { getMigrations: async () => migrations } });
  const { error, results } = await migrator.migrateToLatest();
  if (error) throw error;
  return (results ?? []).map(({ migrationName, status }) => `${migrationName} ${status}`);
}

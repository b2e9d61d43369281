import { relations } from 'drizzle-orm';
import { integer, sqliteTable, text } from 'drizzle-orm/sqlite-core';

export const lists = sqliteTable('lists', { name: text('name').primaryKey() });

export const todos = sqliteTable('todos', {
  id: integer('id').primaryKey({ autoIncrement: true }),
  text: text('text').notNull(),
  list: text('list').notNull().references(() => lists.name),
  done: integer('done', { mode: 'boolean' }).notNull().default(false),
  doneAt: integer('done_at', { mode: 'timestamp' }),
  tags: text('tags', { mode: 'json' }).$type<string[]>().notNull(),
});

export const todosRelations = relations(todos, ({ one }) => ({
  inList: one(lists, { fields: [todos.list], references: [lists.name] }),
}));
export const listsRelations = relations(lists, ({ many }) => ({ todos: many(todos) }));

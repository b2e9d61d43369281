// `D1Database` as Workers have it, over calls to the gateway.
//
// Nothing here is on the way of requests that use no database.

import { NativeError, NativeTypeError, bytesOf, lengthOf, parseJson, toJson } from './intrinsics.js';

const { isArray } = Array;

/** A parameter as JSON has it: bytes become arrays. */
function parameter(value) {
  const type = typeof value;
  if (value === null || type === 'string' || type === 'boolean') return value;
  if (type === 'number') {
    // JSON has no others; D1 binds null for them.
    return Number.isFinite(value) ? value : null;
  }
  if (type === 'object') {
    const bytes = bytesOf(value);
    if (bytes !== null) {
      const list = [];
      for (let i = 0; i < lengthOf(bytes); i++) list[i] = bytes[i];
      return list;
    }
    if (isArray(value)) {
      const list = [];
      for (let i = 0; i < value.length; i++) list[i] = parameter(value[i]);
      return list;
    }
  }
  throw new NativeError(`D1_TYPE_ERROR: Type '${type}' not supported for value '${String(value)}'`);
}

const metaOf = (answer) => ({
  served_by: 'tabmesh',
  duration: answer.duration,
  changes: answer.changes,
  last_row_id: answer.last_row_id,
  changed_db: answer.changes > 0,
  size_after: answer.size_after,
  rows_read: answer.rows.length,
  rows_written: answer.changes,
});

/** Rows as objects. A name that comes twice keeps its last value, as in D1. */
function objects({ columns, rows }) {
  const list = [];
  for (let i = 0; i < rows.length; i++) {
    const row = {};
    for (let j = 0; j < columns.length; j++) row[columns[j]] = rows[i][j];
    list[i] = row;
  }
  return list;
}

const resultOf = (answer) => ({ success: true, meta: metaOf(answer), results: objects(answer) });

/**
 * @param {(method: string, url: string, headers?: object, body?: any) => Promise<Response>} call
 */
export function createD1Database(call) {
  const failure = (text) => new NativeError(`D1_ERROR: ${text}`, { cause: new NativeError(text) });

  const ask = async (path, body) => {
    const response = await call('POST', `http://d1/${path}`, { 'content-type': 'application/json' }, body);
    const text = await response.text();
    if (!response.ok) throw failure(text);
    return parseJson(text);
  };

  const one = async (statement) => (await ask('batch', toJson([queryOf(statement)])))[0];

  let queryOf;

  class D1PreparedStatement {
    #sql;
    #params;
    constructor(sql, params) {
      this.#sql = `${sql}`;
      this.#params = params;
    }

    bind(...values) {
      const params = [];
      for (let i = 0; i < values.length; i++) params[i] = parameter(values[i]);
      return new D1PreparedStatement(this.#sql, params);
    }

    async first(column) {
      const [row] = objects(await one(this));
      if (row === undefined) return null;
      if (column === undefined) return row;
      if (!Object.hasOwn(row, column)) {
        throw new NativeError(`D1_ERROR: Column not found (${column})`, { cause: new NativeError('Column not found') });
      }
      return row[column];
    }

    async run() { return resultOf(await one(this)); }
    async all() { return resultOf(await one(this)); }

    async raw(options) {
      const { columns, rows } = await one(this);
      return options?.columnNames === true ? [columns, ...rows] : rows;
    }

    static {
      queryOf = (statement) => {
        if (statement === null || typeof statement !== 'object' || !(#sql in statement)) {
          throw new NativeTypeError('batch() takes statements made by prepare()');
        }
        return { sql: statement.#sql, params: statement.#params };
      };
    }
  }

  class D1Session {
    prepare(sql) { return new D1PreparedStatement(sql, []); }

    async batch(statements) {
      const queries = [];
      for (const statement of statements) queries[queries.length] = queryOf(statement);
      if (queries.length === 0) throw new NativeError('D1_ERROR: No SQL statements detected.');
      const answers = await ask('batch', toJson(queries));
      const results = [];
      for (let i = 0; i < answers.length; i++) results[i] = resultOf(answers[i]);
      return results;
    }
  }

  class D1DatabaseSession extends D1Session {
    /** One copy of the database answers everything, so every read sees every write. */
    getBookmark() { return null; }
  }

  class D1Database extends D1Session {
    async exec(sql) {
      const answers = await ask('script', `${sql}`);
      let duration = 0;
      for (let i = 0; i < answers.length; i++) duration += answers[i].duration;
      return { count: answers.length, duration };
    }

    withSession() { return new D1DatabaseSession(); }

    dump() { throw new NativeError('D1_ERROR: dump() is deprecated and not available'); }
  }
  return new D1Database();
}

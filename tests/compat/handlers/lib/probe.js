// Tries things and answers what came of each, in a form that is the same wherever it is the same.

const hex = (bytes) => [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');

/** A value as JSON can hold it, with what JSON would hide. */
export const shown = (value) => {
  switch (typeof value) {
    case 'undefined': case 'bigint': case 'symbol': return `(${typeof value}) ${String(value)}`;
    case 'function': return `(function) ${value.name}`;
    case 'number': return Number.isFinite(value) && !Object.is(value, -0) ? value : `(number) ${Object.is(value, -0) ? '-0' : value}`;
    case 'object': break;
    default: return value;
  }
  if (value === null) return null;
  if (Array.isArray(value)) return value.map(shown);
  if (value instanceof ArrayBuffer) return `(ArrayBuffer) ${hex(new Uint8Array(value))}`;
  if (ArrayBuffer.isView(value)) {
    return `(${value.constructor.name}) ${hex(new Uint8Array(value.buffer, value.byteOffset, value.byteLength))}`;
  }
  if (value instanceof Error) return `(error) ${value.name}`;
  if (value instanceof Date) return `(date) ${Number.isNaN(+value) ? 'invalid' : value.toISOString()}`;
  if (value instanceof Map) return { '(map)': [...value].map(shown) };
  if (value instanceof Set) return { '(set)': [...value].map(shown) };
  if (value instanceof RegExp) return `(regexp) ${value}`;
  if (value instanceof Headers || value instanceof URLSearchParams) return [...value].map(shown);
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== null && prototype !== Object.prototype) return `(${value.constructor?.name})`;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, shown(item)]));
};

/** What became of a function: its value, or the name of what it threw. */
export const outcome = async (run) => {
  try {
    return shown(await run());
  } catch (error) {
    return error instanceof Error || error instanceof DOMException ? `throws ${error.name}` : { threw: shown(error) };
  }
};

/** Runs each function, one after the other, and answers with what became of them. */
export const probe = async (cases) => {
  const answers = {};
  for (const [name, run] of Object.entries(cases)) answers[name] = await outcome(run);
  return Response.json(answers);
};

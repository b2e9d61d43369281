// Tries nothing: a sibling in whose realm nothing strange may ever show.
export default {
  fetch(request) {
    if (new URL(request.url).pathname === '/origin') {
      return new Response(import.meta.url.replace(/^blob:/, '').replace(/\/[^/]*$/, ''));
    }
    const strange = [];
    for (const key in {}) strange.push(`Object.prototype.${key}`);
    for (const key in []) strange.push(`Array.prototype.${key}`);
    for (const make of [Promise, Map, Response, Request, Headers, ReadableStream, MessagePort, Function]) {
      for (const key of Reflect.ownKeys(make.prototype)) {
        const { value } = Reflect.getOwnPropertyDescriptor(make.prototype, key);
        if (typeof value === 'function' && value.name === 'evil') strange.push(`${make.name}.${String(key)}`);
      }
    }
    for (const key of Object.keys(globalThis)) if (key.startsWith('evil')) strange.push(key);
    return Response.json({ canary: 'sings', strange });
  },
};

// A request's body read into buffers of the handler's.
//> POST / | =hello world
export default {
  async fetch(request) {
    const reader = request.body.getReader({ mode: 'byob' });
    const first = await reader.read(new Uint8Array(5));
    const parts = [new TextDecoder().decode(first.value), first.done, first.value.byteLength];
    let rest = '';
    for (;;) {
      const { done, value } = await reader.read(new Uint8Array(64));
      if (done) { parts.push(value?.byteLength); break; }
      rest += new TextDecoder().decode(value);
    }
    return Response.json({ parts, rest });
  },
};

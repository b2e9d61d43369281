// A transformer's `cancel`: told when nobody reads on, or when the writer gives up, and not when all went well.
export default {
  async fetch() {
    const said = [];
    const create = () => new TransformStream({
      transform(chunk, controller) { controller.enqueue(chunk.toUpperCase()); },
      flush() { said.push('flush'); },
      cancel(reason) { said.push(reason.message); },
    });
    await create().readable.cancel(new Error('enough'));
    await create().writable.abort(new Error('broken'));
    const text = new ReadableStream({
      start(controller) {
        controller.enqueue('a');
        controller.enqueue('b');
        controller.close();
      },
    });
    let whole = '';
    for await (const chunk of text.pipeThrough(create())) whole += chunk;
    let failure = null;
    try {
      await new TransformStream({ cancel() { throw new Error('not so'); } }).readable.cancel(new Error('enough'));
    } catch (error) {
      failure = error.message;
    }
    return Response.json({ said, whole, failure });
  },
};

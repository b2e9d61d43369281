// Lines of JSON, cut out of a stream and counted.
//> POST / | ="{\"a\":1}\n{\"a\":2}\n{\"a\":"
export default {
  async fetch(request) {
    let rest = '';
    const lines = [];
    for await (const text of request.body.pipeThrough(new TextDecoderStream())) {
      const parts = (rest + text).split('\n');
      rest = parts.pop();
      lines.push(...parts.map((line) => JSON.parse(line).a));
    }
    return Response.json({ lines, rest });
  },
};

// A hash of an upload, taken while it passes.
//> POST / | =some bytes that pass
export default {
  async fetch(request) {
    const [one, two] = request.body.tee();
    const stream = new crypto.DigestStream('SHA-256');
    const [, text] = await Promise.all([one.pipeTo(stream), new Response(two).text()]);
    const hex = [...new Uint8Array(await stream.digest)].map((b) => b.toString(16).padStart(2, '0')).join('');
    return Response.json({ hex, length: text.length });
  },
};

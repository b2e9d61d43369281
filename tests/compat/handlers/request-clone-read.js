// The clone to one, the request to another.
//> POST / | content-type: application/json | ={"a":1}
export default {
  async fetch(request) {
    const copy = request.clone();
    const [text, json] = await Promise.all([request.text(), copy.json()]);
    return Response.json({ text, json, used: [request.bodyUsed, copy.bodyUsed] });
  },
};

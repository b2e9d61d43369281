// JSON of some size, both ways.
//> POST / | content-type: application/json | =[1,2,3]
export default {
  async fetch(request) {
    const given = await request.json();
    return Response.json({ given, list: Array.from({ length: 2000 }, (_, i) => ({ i, text: `item ${i}`, half: i / 2 })) });
  },
};

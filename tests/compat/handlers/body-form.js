// Forms, both ways.
//> POST /urlencoded | content-type: application/x-www-form-urlencoded | =a=1&b=two+words&a=%C3%A9
//> POST /multipart | content-type: multipart/form-data; boundary=xx | ="--xx\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--xx\r\nContent-Disposition: form-data; name=\"f\"; filename=\"n.txt\"\r\nContent-Type: text/x\r\n\r\nfile\r\n--xx--\r\n"
//> POST /wrong | content-type: text/plain | =a=1
//> POST /empty | content-type: application/x-www-form-urlencoded | =
import { outcome } from './lib/probe.js';
export default {
  async fetch(request) {
    return Response.json({
      form: await outcome(async () => {
        const all = [];
        for (const [name, value] of await request.formData()) {
          all.push([name, typeof value === 'string' ? value : [value.name, value.type, value.size, await value.text()]]);
        }
        return all;
      }),
    });
  },
};

// Set-Cookie stays apart, on the wire and in Headers.
import { shown } from './lib/probe.js';
export default {
  fetch() {
    const headers = new Headers();
    headers.append('Set-Cookie', 'a=1; Path=/');
    headers.append('set-cookie', 'b=2, c');
    headers.append('x-a', '1');
    headers.append('x-a', '2');
    const seen = [headers.get('set-cookie'), headers.getSetCookie(), headers.getAll('Set-Cookie'), shown(headers)];
    headers.append('x-seen', JSON.stringify(seen));
    return new Response(JSON.stringify(seen), { headers });
  },
};

// A form as a response.
export default {
  async fetch() {
    const form = new FormData();
    form.append('a', '1');
    form.append('f', new File(['content'], 'n.txt', { type: 'text/x' }));
    const response = new Response(form);
    const boundary = response.headers.get('content-type').split('boundary=')[1].replaceAll('"', '');
    return new Response((await response.text()).replaceAll(boundary, 'B').trimEnd());
  },
};

// A handler that throws, in every way it can.
//> GET /sync
//> GET /async
//> GET /string
//> GET /nothing
//> GET /wrong
//> GET /error
export default {
  fetch(request) {
    switch (new URL(request.url).pathname) {
      case '/sync': throw new Error('on purpose');
      case '/async': return Promise.reject(new TypeError('on purpose'));
      case '/string': throw 'a string';
      case '/nothing': return undefined;
      case '/wrong': return { status: 200 };
      default: return Response.error();
    }
  },
};

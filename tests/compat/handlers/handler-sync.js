// A handler that is not async, returning a Response, a promise or a thenable.
//> GET /response
//> GET /promise
//> GET /thenable
export default {
  fetch(request) {
    const response = new Response('ok');
    switch (new URL(request.url).pathname) {
      case '/response': return response;
      case '/promise': return Promise.resolve(response);
      default: return { then: (done) => done(response) };
    }
  },
};

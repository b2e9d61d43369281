// Headers of the connection and of the framing, set by the handler.
//> GET /?content-length=3
//> GET /?content-length=99
//> GET /?transfer-encoding=chunked
//> GET /?connection=close
//> GET /?keep-alive=timeout=5
//> GET /?upgrade=h2c
//> GET /?te=trailers
//> GET /?proxy-connection=x
//> GET /?trailer=x
export default {
  fetch(request) {
    const [[name, value]] = new URL(request.url).searchParams;
    return new Response('abc', { headers: { [name]: value, 'x-a': '1' } });
  },
};

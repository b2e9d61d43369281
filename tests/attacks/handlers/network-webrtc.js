// Makes a peer connection, whose ICE checks would leave as UDP packets.
import { probes } from './lib/attack.js';

export default probes(({ trapPort }) => {
  const configuration = { iceServers: [{ urls: `stun:127.0.0.1:${trapPort}` }] };
  return {
    connection: () => new RTCPeerConnection(configuration).createOffer(),
    prefixed: () => new webkitRTCPeerConnection(configuration),
    channel: () => new RTCDataChannel(),
    certificate: () => RTCPeerConnection.generateCertificate({ name: 'ECDSA', namedCurve: 'P-256' }),
    transport: () => new RTCIceTransport(),
    rtpTransport: () => new RTCRtpScriptTransform(),
    udpSocket: () => new UDPSocket({ remoteAddress: '127.0.0.1', remotePort: trapPort }),
    tcpSocket: () => new TCPSocket('127.0.0.1', trapPort).opened,
  };
});

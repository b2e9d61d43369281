// RTCPeerConnections to gateways. Signalling text goes through the runtime, and so does everything that is sent: this
// only exists because a Worker has no RTCPeerConnection. The data channel is transferred at birth.

/** Remote candidates kept until the answer is there. */
const MAX_EARLY_CANDIDATES = 64;

class Peer {
  #pc;
  #post;
  #peer;
  #early = [];
  session;

  constructor({ peer, session, iceServers }, post) {
    this.#peer = peer;
    this.#post = post;
    this.session = session;
    const pc = new RTCPeerConnection({ iceServers: iceServers ?? [] });
    this.#pc = pc;
    pc.onicecandidate = ({ candidate }) => {
      // An empty candidate only marks the end of a generation.
      if (candidate?.candidate) this.#send({ op: 'candidate', candidate: candidate.toJSON() });
    };
    pc.onconnectionstatechange = () => this.#send({ op: 'peer-state', state: pc.connectionState });
    try {
      const channel = pc.createDataChannel('tabmesh', { negotiated: true, id: 0, ordered: true });
      // Only in the task that made it can a channel be transferred.
      this.#send({ op: 'channel', channel }, [channel]);
    } catch (error) {
      pc.close();
      throw error;
    }
    this.#offer();
  }

  #send(message, transfer = []) {
    this.#post({ ...message, peer: this.#peer, session: this.session }, transfer);
  }

  async #offer() {
    const pc = this.#pc;
    try {
      await pc.setLocalDescription(await pc.createOffer());
      this.#send({ op: 'offer', sdp: pc.localDescription.sdp });
    } catch (error) {
      this.#failed(error);
    }
  }

  #failed(error) {
    if (this.#pc.signalingState === 'closed') return;
    console.warn('Tabmesh: peer connection failed', error);
    this.#send({ op: 'peer-state', state: 'failed' });
  }

  async answer(sdp) {
    try {
      await this.#pc.setRemoteDescription({ type: 'answer', sdp });
      const early = this.#early;
      this.#early = [];
      for (const candidate of early) this.candidate(candidate);
    } catch (error) {
      this.#failed(error);
    }
  }

  async candidate(candidate) {
    if (this.#pc.remoteDescription === null) {
      if (this.#early.length < MAX_EARLY_CANDIDATES) this.#early.push(candidate);
      return;
    }
    try {
      await this.#pc.addIceCandidate(candidate);
    } catch (error) {
      // One candidate of a kind this browser does not take; others may do.
      console.debug('Tabmesh: candidate not taken', error);
    }
  }

  restart() {
    this.#pc.restartIce();
    this.#offer();
  }

  close() {
    this.#pc.onicecandidate = null;
    this.#pc.onconnectionstatechange = null;
    this.#pc.close();
  }
}

/**
 * @param {{post: (message: object, transfer: Transferable[]) => void, onError: (error: Error) => void}} options
 *   `post` reaches the runtime; `onError` hears that this browser cannot do what is needed
 */
export function createPeers({ post, onError }) {
  const peers = new Map();
  const current = ({ peer, session }) => {
    const found = peers.get(peer);
    return found?.session === session ? found : undefined;
  };
  return {
    connect(message) {
      peers.get(message.peer)?.close();
      peers.delete(message.peer);
      try {
        peers.set(message.peer, new Peer(message, post));
      } catch (error) {
        onError(error);
      }
    },
    answer(message) { current(message)?.answer(message.sdp); },
    candidate(message) { current(message)?.candidate(message.candidate); },
    restart(message) { current(message)?.restart(); },
    disconnect(message) {
      if (current(message) === undefined) return;
      peers.get(message.peer).close();
      peers.delete(message.peer);
    },
    closeAll() {
      for (const peer of peers.values()) peer.close();
      peers.clear();
    },
  };
}

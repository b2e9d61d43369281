//! What both carriers tell the WebRTC stack.

use crate::config::{IceTransport, PeerConfig};
use rtc::data_channel::RTCDataChannelInit;
use rtc::ice::mdns::MulticastDnsMode;
use rtc::peer_connection::configuration::setting_engine::SettingEngineBuilder;

/// Label of the one pre-negotiated channel; both ends create it with stream id 0.
pub(super) const CHANNEL: &str = "tabmesh";

/// The channel's settings.
pub(super) fn channel() -> RTCDataChannelInit {
    RTCDataChannelInit { negotiated: Some(0), ..RTCDataChannelInit::default() }
}

/// A peer's settings; `local` where no packet leaves the host.
pub(super) fn settings(transport: IceTransport, local: bool) -> SettingEngineBuilder {
    let (disconnected, failed, keepalive) = PeerConfig::ICE_TIMEOUTS;
    let settings = SettingEngineBuilder::new()
        .with_ice_timeouts(Some(disconnected), Some(failed), Some(keepalive))
        .with_ice_connection_attempts(Some(PeerConfig::ICE_CHECK_INTERVAL), Some(PeerConfig::ICE_CHECKS))
        // Browsers hide their addresses behind mDNS names; their own checks reach us, so we need not resolve any.
        .with_multicast_dns_mode(MulticastDnsMode::Disabled)
        .with_include_loopback_candidate(true);
    match transport {
        IceTransport::Tcp => settings.with_sctp_mtu(PeerConfig::MTU_TCP),
        _ if local => settings.with_sctp_mtu(PeerConfig::MTU_LOCAL_UDP),
        _ => settings,
    }
}

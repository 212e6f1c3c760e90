//! Settings that came later stand at the end of all, each after its number and only if it differs from the default: so
//! traces from before can be read, and say the same when they are written again.

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::str::FromStr as _;

use super::pack::{Impossible, Packer, Unpacked, Unpacker};
use crate::api::{AddressPrefix, CoordinatorConfig, Credentials, DigestAlgorithm, HeaderConsent, PeerSource};
use crate::base::time::Instant;
use crate::wire::limits::WireLimits;

const TRUSTED_SOURCES: u8 = 1;
const TRUSTED_SOURCES_MAX: u8 = 2;
const CREDENTIALS_FOR: u8 = 40;
const PEER_SOURCE: u8 = 20;
const LOOKUPS_MAX: u8 = 3;
const LOOKUPS_WAITING_MAX: u8 = 4;
const SOURCE_SHARE_PERCENT: u8 = 70;
const TRANSACTION_OCTETS_MAX: u8 = 71;
const STATELESS_PER_SOURCE_MAX: u8 = 72;
const BODY_TYPES: u8 = 60;
const BODY_PARTS_MAX: u8 = 61;
const BODY_DEPTH_MAX: u8 = 62;
const LAG_MAX: u8 = 95;
const LEARN_CONTACT: u8 = 41;
const REGISTRATION_RETRY_MAX: u8 = 42;
const REDIRECT_HEADERS: u8 = 43;

/// Writes the sizes of a message that stand before all others. What a body may have came later.
pub(super) fn write_sizes(out: &mut Packer<'_>, wire: WireLimits) {
    let WireLimits { message_octets_max, head_octets_max, headers_max, body_parts_max: _, body_depth_max: _ } =
        wire;
    for size in [message_octets_max, head_octets_max, headers_max] {
        out.number(size);
    }
}

/// Those of `config` that differ from the defaults.
pub(super) fn later(config: &CoordinatorConfig, defaults: &CoordinatorConfig) -> Vec<u8> {
    let (mut octets, mut no_clock) = (Vec::new(), Instant::ZERO);
    let mut out = Packer { out: &mut octets, clock: &mut no_clock };
    if config.trusted_sources != defaults.trusted_sources {
        out.byte(TRUSTED_SOURCES);
        out.number(config.trusted_sources.len());
        for source in &config.trusted_sources {
            out.text(&source.to_string());
        }
    }
    // Before it was asked whom they are for, everybody got a digest of them.
    let everybody = |each: &Credentials| each.anyone && each.least_algorithm == DigestAlgorithm::Md5;
    if !config.credentials.iter().all(everybody) {
        out.byte(CREDENTIALS_FOR);
        for Credentials { anyone, least_algorithm, .. } in &config.credentials {
            out.flag(*anyone);
            out.byte(match least_algorithm {
                DigestAlgorithm::Md5 => 0,
                DigestAlgorithm::Sha256 => 1,
                DigestAlgorithm::Sha512_256 => 2,
            });
        }
    }
    if config.body_types != defaults.body_types {
        out.byte(BODY_TYPES);
        out.number(config.body_types.len());
        for kind in &config.body_types {
            out.text(kind);
        }
    }
    if config.peer_source != defaults.peer_source {
        out.byte(PEER_SOURCE);
        out.byte(match config.peer_source {
            PeerSource::Any => 0,
            PeerSource::SameAddress => 1,
            PeerSource::SameFlow => 2,
        });
    }
    if config.learn_contact != defaults.learn_contact {
        out.byte(LEARN_CONTACT);
        out.flag(config.learn_contact);
    }
    if config.registration_retry_max != defaults.registration_retry_max {
        out.byte(REGISTRATION_RETRY_MAX);
        out.duration(config.registration_retry_max);
    }
    if config.redirect_headers != defaults.redirect_headers {
        out.byte(REDIRECT_HEADERS);
        let names: Option<&[String]> = match &config.redirect_headers {
            HeaderConsent::Nothing => Some(&[]),
            HeaderConsent::Named(names) => Some(names),
            HeaderConsent::Harmless => None,
        };
        out.option(names, |out, names| {
            out.number(names.len());
            for name in names {
                out.text(name);
            }
        });
    }
    if config.limits.lag_max != defaults.limits.lag_max {
        out.byte(LAG_MAX);
        out.duration(config.limits.lag_max);
    }
    let (ours, usual) = (&config.limits, &defaults.limits);
    for (number, value, usual) in [
        (TRUSTED_SOURCES_MAX, ours.trusted_sources_max, usual.trusted_sources_max),
        (LOOKUPS_MAX, ours.lookups_max, usual.lookups_max),
        (LOOKUPS_WAITING_MAX, ours.lookups_waiting_max, usual.lookups_waiting_max),
        (SOURCE_SHARE_PERCENT, ours.source_share_percent.into(), usual.source_share_percent.into()),
        (TRANSACTION_OCTETS_MAX, ours.transaction_octets_max, usual.transaction_octets_max),
        (BODY_PARTS_MAX, ours.wire.body_parts_max, usual.wire.body_parts_max),
        (BODY_DEPTH_MAX, ours.wire.body_depth_max, usual.wire.body_depth_max),
        (
            STATELESS_PER_SOURCE_MAX,
            ours.stateless_per_source_max as usize,
            usual.stateless_per_source_max as usize,
        ),
    ] {
        if value != usual {
            out.byte(number);
            out.number(value);
        }
    }
    octets
}

/// Reads what [`later`] wrote into the settings of `config`.
pub(super) fn read_later(from: &mut Unpacker<'_>, config: &mut CoordinatorConfig) -> Unpacked<()> {
    while !from.is_empty() {
        match from.byte()? {
            TRUSTED_SOURCES => {
                for _ in 0..from.number::<usize>()? {
                    let source = AddressPrefix::from_str(from.text()?);
                    config.trusted_sources.push(source.map_err(|_| Impossible("no prefix of addresses"))?);
                }
            }
            BODY_TYPES => {
                for _ in 0..from.number::<usize>()? {
                    config.body_types.push(String::from(from.text()?));
                }
            }
            REDIRECT_HEADERS => {
                let names = from.option(|from| {
                    let mut names = Vec::new();
                    for _ in 0..from.number::<usize>()? {
                        names.push(String::from(from.text()?));
                    }
                    Ok(names)
                })?;
                config.redirect_headers = names.map_or(HeaderConsent::Harmless, HeaderConsent::Named);
            }
            BODY_PARTS_MAX => config.limits.wire.body_parts_max = from.number()?,
            BODY_DEPTH_MAX => config.limits.wire.body_depth_max = from.number()?,
            TRUSTED_SOURCES_MAX => config.limits.trusted_sources_max = from.number()?,
            LAG_MAX => config.limits.lag_max = from.duration()?,
            LEARN_CONTACT => config.learn_contact = from.flag()?,
            REGISTRATION_RETRY_MAX => config.registration_retry_max = from.duration()?,
            CREDENTIALS_FOR => {
                for each in &mut config.credentials {
                    each.anyone = from.flag()?;
                    each.least_algorithm = match from.byte()? {
                        0 => DigestAlgorithm::Md5,
                        1 => DigestAlgorithm::Sha256,
                        2 => DigestAlgorithm::Sha512_256,
                        _ => return Err(Impossible("no algorithm for digests")),
                    };
                }
            }
            PEER_SOURCE => {
                config.peer_source = match from.byte()? {
                    0 => PeerSource::Any,
                    1 => PeerSource::SameAddress,
                    2 => PeerSource::SameFlow,
                    _ => return Err(Impossible("no source of a peer")),
                };
            }
            LOOKUPS_MAX => config.limits.lookups_max = from.number()?,
            LOOKUPS_WAITING_MAX => config.limits.lookups_waiting_max = from.number()?,
            TRANSACTION_OCTETS_MAX => config.limits.transaction_octets_max = from.number()?,
            STATELESS_PER_SOURCE_MAX => config.limits.stateless_per_source_max = from.number()?,
            SOURCE_SHARE_PERCENT => config.limits.source_share_percent = from.number()?,
            _ => return Err(Impossible("an unknown setting")),
        }
    }
    Ok(())
}

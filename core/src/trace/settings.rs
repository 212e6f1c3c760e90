//! Settings that came later stand at the end of all, each after its number and only if it differs from the default: so
//! traces from before can be read, and say the same when they are written again.

use alloc::string::ToString as _;
use alloc::vec::Vec;
use core::str::FromStr as _;

use super::pack::{Impossible, Packer, Unpacked, Unpacker};
use crate::api::{AddressPrefix, CoordinatorConfig, Credentials, DigestAlgorithm};
use crate::base::time::Instant;

const TRUSTED_SOURCES: u8 = 1;
const TRUSTED_SOURCES_MAX: u8 = 2;
const CREDENTIALS_FOR: u8 = 40;
const LOOKUPS_MAX: u8 = 3;
const LOOKUPS_WAITING_MAX: u8 = 4;

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
    let (ours, usual) = (&config.limits, &defaults.limits);
    for (number, value, usual) in [
        (TRUSTED_SOURCES_MAX, ours.trusted_sources_max, usual.trusted_sources_max),
        (LOOKUPS_MAX, ours.lookups_max, usual.lookups_max),
        (LOOKUPS_WAITING_MAX, ours.lookups_waiting_max, usual.lookups_waiting_max),
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
            TRUSTED_SOURCES_MAX => config.limits.trusted_sources_max = from.number()?,
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
            LOOKUPS_MAX => config.limits.lookups_max = from.number()?,
            LOOKUPS_WAITING_MAX => config.limits.lookups_waiting_max = from.number()?,
            _ => return Err(Impossible("an unknown setting")),
        }
    }
    Ok(())
}

//! Settings and media news in a trace. Every field is named here, so that a new one cannot be forgotten.

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::str::FromStr as _;

use super::pack::{Impossible, Packer, Unpacked, Unpacker};
use super::settings;
use crate::api::{CoordinatorConfig, Credentials, Limits, PeerContacts, Reliable};
use crate::media::{MediaEvent, MediaReport, MediaSessionId};
use crate::sdp::CodecList;
use crate::transaction::Timing;
use crate::wire::limits::WireLimits;

pub(super) fn write_config(out: &mut Packer<'_>, config: &CoordinatorConfig) {
    let CoordinatorConfig {
        user,
        display_name,
        user_agent,
        timing: Timing { t1, t2, t4 },
        limits:
            Limits {
                wire,
                sessions_max,
                half_open_per_source_max,
                transactions_max,
                transaction_octets_max: _,
                stateless_per_source_max: _,
                forks_max,
                routes_max,
                subscriptions_max,
                registrations_max,
                trusted_sources_max: _,
                lookups_max: _,
                lookups_waiting_max: _,
                source_share_percent: _,
                lag_max: _,
            },
        codecs,
        dtmf,
        dtmf_by_info,
        info_packages,
        event_packages,
        body_types: _,
        messages,
        redirects_max,
        redirect_headers: _,
        ring_timeout,
        answer_timeout,
        keep_messages,
        media_ports_ready,
        session_expires,
        min_se,
        reliable,
        peer_contacts,
        address_of_record,
        learn_contact: _,
        registration_retry_max: _,
        credentials,
        trusted_sources: _,
        peer_source: _,
    } = config;
    out.text(user);
    out.option(display_name.as_deref(), Packer::text);
    out.text(user_agent);
    for duration in [t1, t2, t4, ring_timeout, answer_timeout] {
        out.duration(*duration);
    }
    out.number(*half_open_per_source_max);
    settings::write_sizes(out, *wire);
    for limit in [sessions_max, transactions_max, forks_max, routes_max, media_ports_ready] {
        out.number(*limit);
    }
    out.text(&codecs.to_string());
    out.flag(*dtmf);
    // Since version 2; what comes later is added at the end, so that older traces can be read.
    out.option(*session_expires, Packer::duration);
    out.duration(*min_se);
    out.number(*redirects_max);
    out.flag(*keep_messages);
    out.flag(*dtmf_by_info);
    out.flag(*messages);
    out.number(*subscriptions_max);
    for packages in [info_packages, event_packages] {
        out.number(packages.len());
        for package in packages {
            out.text(package);
        }
    }
    out.byte(match reliable {
        Reliable::Supported => 0,
        Reliable::Never => 1,
        Reliable::Required => 2,
    });
    out.byte(match peer_contacts {
        PeerContacts::AsGiven => 0,
        PeerContacts::Private => 1,
        PeerContacts::Source => 2,
    });
    // Only where they say something. Passwords stay out: what was computed of them is recorded in their place.
    let defaults = CoordinatorConfig::default();
    let later = settings::later(config, &defaults);
    let rooms = *registrations_max != defaults.limits.registrations_max;
    if rooms || !credentials.is_empty() || address_of_record.is_some() || !later.is_empty() {
        out.number(*registrations_max);
        out.option(address_of_record.as_deref(), Packer::text);
        out.number(credentials.len());
        for Credentials { username, password: _, realm, anyone: _, least_algorithm: _ } in credentials {
            out.text(username);
            out.option(realm.as_deref(), Packer::text);
        }
    }
    out.out.extend_from_slice(&later);
}

pub(super) fn read_config(from: &mut Unpacker<'_>) -> Unpacked<CoordinatorConfig> {
    let user = String::from(from.text()?);
    let display_name = from.option(Unpacker::text)?.map(String::from);
    let user_agent = String::from(from.text()?);
    let timing = Timing { t1: from.duration()?, t2: from.duration()?, t4: from.duration()? };
    let (ring_timeout, answer_timeout) = (from.duration()?, from.duration()?);
    let half_open_per_source_max = from.number()?;
    let wire = WireLimits {
        message_octets_max: from.number()?,
        head_octets_max: from.number()?,
        headers_max: from.number()?,
        ..WireLimits::default()
    };
    let mut limits = Limits {
        wire,
        half_open_per_source_max,
        sessions_max: from.number()?,
        transactions_max: from.number()?,
        forks_max: from.number()?,
        routes_max: from.number()?,
        ..Limits::default()
    };
    let media_ports_ready = from.number()?;
    let codecs = CodecList::from_str(from.text()?).map_err(|_| Impossible("an unknown list of codecs"))?;
    let dtmf = from.flag()?;
    let defaults = CoordinatorConfig::default();
    let (session_expires, min_se) = if from.is_empty() {
        (defaults.session_expires, defaults.min_se)
    } else {
        (from.option(Unpacker::duration)?, from.duration()?)
    };
    let more = !from.is_empty();
    let (redirects_max, keep_messages) =
        if more { (from.number()?, from.flag()?) } else { (defaults.redirects_max, defaults.keep_messages) };
    let (dtmf_by_info, messages) =
        if more { (from.flag()?, from.flag()?) } else { (defaults.dtmf_by_info, defaults.messages) };
    let (mut info_packages, mut event_packages) = (Vec::new(), Vec::new());
    if more {
        limits.subscriptions_max = from.number()?;
        for packages in [&mut info_packages, &mut event_packages] {
            for _ in 0..from.number::<usize>()? {
                packages.push(String::from(from.text()?));
            }
        }
    }
    let reliable = match if from.is_empty() { 0 } else { from.byte()? } {
        0 => Reliable::Supported,
        1 => Reliable::Never,
        2 => Reliable::Required,
        _ => return Err(Impossible("no use of reliable responses")),
    };
    // An older trace knows nothing else.
    let peer_contacts = match if from.is_empty() { 0 } else { from.byte()? } {
        0 => PeerContacts::AsGiven,
        1 => PeerContacts::Private,
        2 => PeerContacts::Source,
        _ => return Err(Impossible("no way to treat contacts")),
    };
    let (mut credentials, mut address_of_record) = (Vec::new(), None);
    if !from.is_empty() {
        limits.registrations_max = from.number()?;
        address_of_record = from.option(Unpacker::text)?.map(String::from);
    }
    for _ in 0..if from.is_empty() { 0 } else { from.number::<usize>()? } {
        let mut each = Credentials::new(from.text()?, "").for_anyone();
        each.realm = from.option(Unpacker::text)?.map(String::from);
        credentials.push(each);
    }
    let mut config = CoordinatorConfig {
        user,
        display_name,
        user_agent,
        timing,
        limits,
        codecs,
        dtmf,
        dtmf_by_info,
        info_packages,
        event_packages,
        messages,
        redirects_max,
        ring_timeout,
        answer_timeout,
        keep_messages,
        media_ports_ready,
        session_expires,
        min_se,
        reliable,
        peer_contacts,
        address_of_record,
        credentials,
        // What stands in a trace only where it differs.
        ..defaults
    };
    settings::read_later(from, &mut config)?;
    Ok(config)
}

fn write_media_id(out: &mut Packer<'_>, media: MediaSessionId) {
    let MediaSessionId { shard, generation, slot } = media;
    out.number(shard);
    out.number(generation);
    out.number(slot);
}

fn read_media_id(from: &mut Unpacker<'_>) -> Unpacked<MediaSessionId> {
    Ok(MediaSessionId { shard: from.number()?, generation: from.number()?, slot: from.number()? })
}

pub(super) fn write_media(out: &mut Packer<'_>, event: &MediaEvent, hide_digits: bool) {
    match event {
        MediaEvent::Dtmf { media, digit, duration_ms } => {
            out.byte(0);
            write_media_id(out, *media);
            out.number(u32::from(if hide_digits { '0' } else { *digit }));
            out.number(*duration_ms);
        }
        MediaEvent::DtmfSent { media } => {
            out.byte(1);
            write_media_id(out, *media);
        }
        MediaEvent::PeerLeft { media } => {
            out.byte(2);
            write_media_id(out, *media);
        }
        MediaEvent::Silent { media, for_ms } => {
            out.byte(4);
            write_media_id(out, *media);
            out.number(*for_ms);
        }
        MediaEvent::Heard { media } => {
            out.byte(5);
            write_media_id(out, *media);
        }
        MediaEvent::TimedOut { media, for_ms } => {
            out.byte(6);
            write_media_id(out, *media);
            out.number(*for_ms);
        }
        MediaEvent::Unproven { media, ip } => {
            out.byte(7);
            write_media_id(out, *media);
            out.address(SocketAddr::new(*ip, 0));
        }
        // No decision of the signalling side depends on the figures of the report: they are not kept.
        MediaEvent::Closed { media, report: _ } => {
            out.byte(3);
            write_media_id(out, *media);
        }
    }
}

pub(super) fn read_media(from: &mut Unpacker<'_>) -> Unpacked<MediaEvent> {
    let (kind, media) = (from.byte()?, read_media_id(from)?);
    Ok(match kind {
        0 => {
            let digit = char::from_u32(from.number()?).ok_or(Impossible("no character"))?;
            MediaEvent::Dtmf { media, digit, duration_ms: from.number()? }
        }
        1 => MediaEvent::DtmfSent { media },
        2 => MediaEvent::PeerLeft { media },
        3 => MediaEvent::Closed { media, report: MediaReport::default() },
        4 => MediaEvent::Silent { media, for_ms: from.number()? },
        5 => MediaEvent::Heard { media },
        7 => MediaEvent::Unproven { media, ip: from.address()?.ip() },
        6 => MediaEvent::TimedOut { media, for_ms: from.number()? },
        _ => return Err(Impossible("no kind of media event")),
    })
}

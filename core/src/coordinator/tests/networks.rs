//! Registrations behind a NAT, and on a network that goes and comes.

use core::net::SocketAddr;
use core::time::Duration;

use bytes::Bytes;

use super::challenges::{first, values};
use super::net::Net;
use super::peer::peer;
use crate::api::{CoordinatorConfig, Event, Refuser, RegistrationState};
use crate::base::ids::RegistrationId;
use crate::signaling::{CommandError, DefaultSignalingHandler};
use crate::wire::HeaderName;
use crate::wire::frame::Frame;
use crate::wire::limits::WireLimits;
use crate::wire::path::Path;
use crate::wire::reply::ReplyHead;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3_600);
const OUTSIDE: &str = "198.51.100.9:40001";
const OTHER: &str = "198.51.100.9:40002";

/// A phone, and a registrar at 10.9.9.9 that sees it somewhere.
struct Desk {
    net: Net,
    id: RegistrationId,
}

impl Desk {
    fn new(config: CoordinatorConfig) -> Self {
        let mut net = Net::new(7);
        net.add_with(config, Box::new(DefaultSignalingHandler));
        let id = net.with(0, |core, now| core.register(now, "sip:alice@10.9.9.9", HOUR)).unwrap();
        Self { net, id }
    }

    fn alice() -> Self {
        Self::new(CoordinatorConfig { user: "alice".into(), ..CoordinatorConfig::default() })
    }

    fn registers(&self) -> Vec<Bytes> {
        let all = self.net.elsewhere.iter().map(|transmit| transmit.payload.clone());
        all.filter(|payload| payload.starts_with(b"REGISTER ")).collect()
    }

    /// Contacts of the last REGISTER.
    fn contacts(&self) -> Vec<String> {
        values(self.registers().last().unwrap(), HeaderName::Contact)
    }

    /// The registrar answers the last REGISTER, which has come to it from `seen`.
    fn answer(&mut self, status: u16, seen: &str, headers: &[(&str, &str)]) {
        let request = self.registers().last().unwrap().clone();
        let frame = Frame::parse(&request, &WireLimits::default()).unwrap();
        let seen: SocketAddr = seen.parse().unwrap();
        let head = ReplyHead::new(&frame, frame.facts().ok().as_ref(), &Path::udp(peer(), seen));
        let headers: Vec<(&str, &[u8])> =
            headers.iter().map(|&(name, value)| (name, value.as_bytes())).collect();
        let response = head.respond(status, "Whatever", Some(b"r"), false, &headers, None);
        self.net.inject(0, peer(), &response);
    }

    fn grant(&mut self, seen: &str) {
        self.answer(200, seen, &[("Expires", "3600")]);
    }

    fn state(&self) -> Option<RegistrationState> {
        self.net.nodes[0].core.registration_state(self.net.now, self.id)
    }

    fn is_registered(&self) -> bool {
        matches!(self.state(), Some(RegistrationState::Registered { .. }))
    }
}

fn contact(address: &str) -> String {
    format!("<sip:alice@{address}>")
}

#[test]
fn the_contact_follows_where_the_registrar_sees_us() {
    let mut desk = Desk::alice();
    assert_eq!(desk.contacts(), [contact("10.0.0.1:5060")]);
    desk.grant(OUTSIDE);
    assert_eq!(desk.registers().len(), 2, "at once");
    assert_eq!(desk.contacts(), [contact(OUTSIDE), contact("10.0.0.1:5060") + ";expires=0"]);
    desk.grant(OUTSIDE);
    assert_eq!(desk.registers().len(), 2);
    // It has moved when we refresh.
    desk.net.run_for(HOUR - SECOND);
    let refreshed = desk.registers().len();
    assert!(refreshed > 2);
    assert_eq!(desk.contacts(), [contact(OUTSIDE)], "what is gone is not taken away twice");
    desk.grant(OTHER);
    assert_eq!(desk.contacts(), [contact(OTHER), contact(OUTSIDE) + ";expires=0"]);
    desk.grant(OTHER);
    assert!(desk.is_registered() && desk.registers().len() == refreshed + 1);
    // Calls by way of that registrar say the same, and those elsewhere do not.
    desk.net.invite(0, "sip:bob@10.9.9.9");
    let invite = desk.net.elsewhere.last().unwrap().payload.clone();
    assert_eq!(first(&invite, HeaderName::Contact), contact(OTHER));
    desk.net.invite(0, "sip:bob@10.8.8.8");
    let invite = desk.net.elsewhere.last().unwrap().payload.clone();
    assert_eq!(first(&invite, HeaderName::Contact), contact("10.0.0.1:5060"));
    // And the NAT may go away.
    let id = desk.id;
    desk.net.with(0, |core, now| core.retry_registration(now, id)).unwrap();
    desk.net.run_for(2 * SECOND);
    desk.grant("10.0.0.1:5060");
    assert_eq!(desk.contacts(), [contact("10.0.0.1:5060"), contact(OTHER) + ";expires=0"]);
    desk.grant("10.0.0.1:5060");
    desk.net.with(0, |core, now| core.unregister(now, id)).unwrap();
    assert_eq!(desk.contacts(), [contact("10.0.0.1:5060")]);
}

/// A NAT that gives another port each time must not make a loop of it.
#[test]
fn a_nat_that_never_settles_is_not_followed_for_ever() {
    let mut desk = Desk::alice();
    let mut count = 0_u16;
    for _ in 0..50 {
        let before = desk.registers().len();
        count += 1;
        desk.grant(&format!("198.51.100.9:{}", 40_000 + count));
        if desk.registers().len() == before {
            break;
        }
    }
    assert_eq!(desk.registers().len(), 4, "three moves and no more");
    assert!(desk.is_registered());
    desk.net.run_for(HOUR - SECOND);
    let refreshed = desk.registers().len();
    desk.grant("198.51.100.9:50000");
    desk.grant("198.51.100.9:50001");
    desk.grant("198.51.100.9:50002");
    assert_eq!(desk.registers().len(), refreshed + 1, "one more with each refresh");
}

/// RFC 3261 section 20.33: a comment and parameters may follow.
#[test]
fn a_registrar_that_says_when_in_more_words_is_asked_then() {
    for (value, seconds) in [("120", 120), ("120 (I'm busy)", 120), ("120;duration=60", 120), ("x", 0)] {
        let mut desk = Desk::alice();
        desk.answer(503, "10.0.0.1:5060", &[("Retry-After", value)]);
        let Some(RegistrationState::Failed { status: 503, retry_in: Some(pause), .. }) = desk.state() else {
            panic!("{:?}", desk.state())
        };
        assert!(
            if seconds > 0 { pause == seconds * SECOND } else { pause <= 30 * SECOND },
            "{value}: {pause:?}"
        );
    }
}

#[test]
fn the_contact_stays_where_that_is_wanted() {
    let config =
        CoordinatorConfig { user: "alice".into(), learn_contact: false, ..CoordinatorConfig::default() };
    let mut desk = Desk::new(config);
    desk.grant(OUTSIDE);
    assert!(desk.registers().len() == 1 && desk.is_registered());
}

#[test]
fn a_registration_says_where_it_stands() {
    let mut desk = Desk::alice();
    assert_eq!(desk.state(), Some(RegistrationState::Trying));
    desk.grant("10.0.0.1:5060");
    assert_eq!(desk.state(), Some(RegistrationState::Registered { expires_in: HOUR }));
    desk.net.run_for(100 * SECOND);
    assert_eq!(desk.state(), Some(RegistrationState::Registered { expires_in: HOUR - 100 * SECOND }));
    let id = desk.id;
    desk.net.with(0, |core, now| core.retry_registration(now, id)).unwrap();
    assert!(desk.is_registered(), "it holds while it is refreshed");
    desk.answer(503, "10.0.0.1:5060", &[("Retry-After", "90")]);
    let failed =
        RegistrationState::Failed { status: 503, refuser: Refuser::Peer, retry_in: Some(90 * SECOND) };
    assert_eq!(desk.state(), Some(failed));
    // A registrar that says no for good is not asked again by itself.
    desk.net.with(0, |core, now| core.retry_registration(now, id)).unwrap();
    desk.answer(403, "10.0.0.1:5060", &[]);
    assert_eq!(desk.state(), None);
    let over = desk.net.with(0, |core, now| core.retry_registration(now, id));
    assert_eq!(over, Err(CommandError::NoSuchRegistration));
    let Some(Event::RegistrationFailed { refuser, retry_in, .. }) = desk.net.nodes[0].events.last() else {
        panic!("{:?}", desk.net.nodes[0].events)
    };
    assert_eq!((*refuser, *retry_in), (Refuser::Peer, None));
    let asked = desk.registers().len();
    desk.net.run_for(HOUR);
    assert_eq!(desk.registers().len(), asked, "403 is not hammered");
}

/// The network is gone for an hour; whoever knows that it is back says so, and we are back within five seconds.
#[test]
fn we_are_back_within_five_seconds_of_being_told() {
    let failed = |state: &RegistrationState| {
        matches!(
            state,
            RegistrationState::Failed { status: 408, refuser: Refuser::Nobody, retry_in: Some(_) }
        )
    };
    let trying = |state: &RegistrationState| *state == RegistrationState::Trying;
    type Is<'a> = &'a dyn Fn(&RegistrationState) -> bool;
    // A try that is under way is the harder case: it must not be waited for.
    let cases: [(bool, Is<'_>); 4] = [(false, &failed), (false, &trying), (true, &failed), (true, &trying)];
    for (told_of_the_network, wanted) in cases {
        let mut desk = Desk::alice();
        desk.grant("10.0.0.1:5060");
        // Nothing is answered: refreshes and tries are lost.
        desk.net.run_for(2 * HOUR);
        let end = desk.net.now + HOUR;
        while !desk.state().is_some_and(|state| wanted(&state)) {
            desk.net.run_for(SECOND);
            assert!(desk.net.now < end, "{:?}", desk.state());
        }
        let before = desk.state().unwrap();
        let (asked, since, id) = (desk.registers().len(), desk.net.now, desk.id);
        desk.net.with(0, |core, now| match told_of_the_network {
            true => core.network_changed(now),
            false => core.retry_registration(now, id).unwrap(),
        });
        // What has been under way for less than a second is not asked anew, but soon again.
        let now = desk.registers().len() - asked;
        assert!(now == 1 || now == 0 && !told_of_the_network && trying(&before));
        // A first copy is lost as well.
        while desk.registers().len() < asked + 2 {
            desk.net.run_for(SECOND / 4);
            assert!(desk.net.now.saturating_since(since) < 5 * SECOND);
        }
        desk.grant("10.0.0.1:5060");
        assert!(desk.is_registered() && desk.net.now.saturating_since(since) < 5 * SECOND);
    }
}

/// A REGISTER that is on its way along a network that is no more is not waited for.
#[test]
fn a_change_of_the_network_overtakes_what_is_under_way() {
    let mut desk = Desk::alice();
    desk.net.run_for(10 * SECOND);
    let branches = |desk: &Desk| {
        let all: std::collections::BTreeSet<_> =
            desk.registers().iter().map(|it| first(it, HeaderName::Via)).collect();
        all.len()
    };
    assert_eq!(branches(&desk), 1);
    desk.net.with(0, |core, now| core.network_changed(now));
    assert_eq!(branches(&desk), 2, "a new REGISTER, at once");
    desk.grant("10.0.0.1:5060");
    assert!(desk.is_registered());
    // While the name is looked up as well: the old question is not waited for, nor its answer taken.
    desk.net.hold_names = true;
    desk.net.with(0, |core, now| core.network_changed(now));
    desk.net.with(0, |core, now| core.network_changed(now));
    assert_eq!(desk.net.asked.len(), 2);
    let path = Path::udp(desk.net.nodes[0].address, peer());
    let sent = desk.registers().len();
    for (node, query) in core::mem::take(&mut desk.net.asked) {
        desk.net.with(node, |core, now| core.handle_names(now, query, Ok(path)));
    }
    assert_eq!(desk.registers().len(), sent + 1, "no two at a time");
}

/// Names that cannot be found yet are asked for each second meanwhile.
#[test]
fn a_network_that_is_not_quite_back_is_pressed() {
    let mut desk = Desk::alice();
    desk.grant("10.0.0.1:5060");
    desk.net.hold_names = true;
    desk.net.with(0, |core, now| core.network_changed(now));
    for _ in 0..3 {
        let (node, query) = desk.net.asked.remove(0);
        let failure = crate::api::NameFailure("no name server".into());
        desk.net.with(node, |core, now| core.handle_names(now, query, Err(failure)));
        let retry_in = Some(SECOND);
        let failed = RegistrationState::Failed { status: 503, refuser: Refuser::Network, retry_in };
        assert_eq!(desk.state(), Some(failed));
        desk.net.run_for(SECOND);
    }
    assert_eq!(desk.net.asked.len(), 1);
}

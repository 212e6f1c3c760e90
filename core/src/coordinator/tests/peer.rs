//! A peer made of text: it answers and asks with messages written out by hand.

use core::net::SocketAddr;
use core::time::Duration;

use bytes::Bytes;

use super::net::Net;
use crate::adapter::DialogAdapter;
use crate::api::{CoordinatorConfig, Credentials, InviteParams, NameFailure};
use crate::base::ids::SessionId;
use crate::base::time::Instant;
use crate::coordinator::UnifiedCoordinator;
use crate::session::{Input, Refresh, Refresher, State};
use crate::signaling::{CommandError, Deferral, InviteDetails, SignalingDecision};
use crate::wire::frame::Frame;
use crate::wire::limits::WireLimits;
use crate::wire::path::{Path, Transmit};
use crate::wire::reply::ReplyHead;
use crate::wire::{HeaderName, NameAddr, parse_rseq};

pub(crate) const SDP: &str = "v=0\r\no=- 1 1 IN IP4 10.9.9.9\r\ns=-\r\nc=IN IP4 10.9.9.9\r\nt=0 0\r\n\
    m=audio 40000 RTP/AVP 0\r\na=sendrecv\r\n";
pub(crate) const NO_CODEC: &str = "v=0\r\no=- 1 1 IN IP4 10.9.9.9\r\ns=-\r\nc=IN IP4 10.9.9.9\r\nt=0 0\r\n\
    m=audio 40000 RTP/AVP 98\r\na=rtpmap:98 nonsense/8000\r\n";

/// Content-Type of a body, to be taken for what it looks like.
pub(crate) fn content_type(body: &str) -> &'static str {
    match body {
        "" => "",
        _ if body.starts_with("SIP/2.0") => "Content-Type: message/sipfrag\r\n",
        _ => "Content-Type: application/sdp\r\n",
    }
}

/// One of our coordinators, and somebody at 10.9.9.9 who talks to it.
pub(crate) struct World {
    pub(crate) net: Net,
    pub(crate) session: Option<SessionId>,
    /// The INVITE that we sent to the peer.
    pub(crate) invite: Bytes,
    /// The INVITE that we gave up before this one.
    pub(crate) older: Bytes,
    /// Our tag, once the peer has seen it.
    pub(crate) our_tag: String,
    pub(crate) cseq: u32,
    /// Header lines of every request of the peer.
    pub(crate) extra: String,
}

pub(crate) fn peer() -> SocketAddr {
    "10.9.9.9:5060".parse().unwrap()
}

impl World {
    pub(crate) fn new(silent: bool) -> Self {
        Self::with(silent, Credentials::new("alice", "secret").for_anyone())
    }

    /// The same with other credentials.
    fn with(silent: bool, credentials: Credentials) -> Self {
        let mut net = Net::new(42);
        let config = CoordinatorConfig {
            ring_timeout: Duration::from_secs(60),
            event_packages: vec!["dialog".into()],
            messages: true,
            credentials: vec![credentials],
            ..CoordinatorConfig::default()
        };
        let handler = move |_: &InviteDetails| {
            if silent { SignalingDecision::Defer(Deferral::default()) } else { SignalingDecision::Accept }
        };
        net.add_with(config, Box::new(handler));
        Self {
            net,
            session: None,
            invite: Bytes::new(),
            older: Bytes::new(),
            our_tag: String::new(),
            cseq: 100,
            extra: String::new(),
        }
    }

    /// A call that we make; the peer has the INVITE.
    pub(crate) fn calling() -> Self {
        let mut world = Self::new(false);
        world.session = Some(world.net.invite(0, "sip:bob@10.9.9.9"));
        world.invite = world.last("INVITE");
        world
    }

    /// The same, by somebody with these credentials.
    pub(crate) fn calling_with(credentials: Credentials, headers: &[(&str, &str)]) -> Self {
        let mut world = Self::with(false, credentials);
        let params = InviteParams { headers, ..InviteParams::new("sip:bob@10.9.9.9") };
        world.session = Some(world.net.with(0, |core, now| core.invite(now, params)).unwrap());
        world.invite = world.last("INVITE");
        world
    }

    /// Nobody calls yet.
    pub(crate) fn idle_with(credentials: Credentials) -> Self {
        Self::with(false, credentials)
    }

    /// The peer calls.
    pub(crate) fn is_called(&mut self) {
        self.request("INVITE", "z9hG4bKinvite", 100, Some(SDP));
        self.session = self.net.incoming(0);
        self.answer();
        self.request("ACK", "z9hG4bKack", 100, None);
    }

    /// A call that we make without an offer.
    pub(crate) fn calling_late() -> Self {
        let mut world = Self::new(false);
        let params = InviteParams { late_offer: true, ..InviteParams::new("sip:bob@10.9.9.9") };
        world.session = Some(world.net.with(0, |core, now| core.invite(now, params)).unwrap());
        world.invite = world.last("INVITE");
        world
    }

    /// A call of a peer that knows reliable provisional responses.
    pub(crate) fn called_reliably(silent: bool, offer: Option<&str>) -> Self {
        let mut world = Self::new(silent);
        world.extra = "Supported: 100rel\r\n".into();
        world.request("INVITE", "z9hG4bKinvite", 100, offer);
        world.session = world.net.incoming(0);
        world
    }

    /// The RSeq of our last provisional response.
    pub(crate) fn rseq(&self) -> u32 {
        let message = self.last("SIP/2.0 18");
        let frame = Frame::parse(&message, &WireLimits::default()).unwrap();
        parse_rseq(frame.first(HeaderName::RSeq).expect("it is a reliable one")).unwrap()
    }

    /// Acknowledges our last reliable provisional response.
    pub(crate) fn prack(&mut self, branch: &str, body: Option<&str>) {
        let rack = format!("{} 100 INVITE", self.rseq());
        self.prack_of(&rack, branch, body);
    }

    pub(crate) fn prack_of(&mut self, rack: &str, branch: &str, body: Option<&str>) {
        self.learn_tag();
        self.extra = format!("RAck: {rack}\r\n");
        self.cseq += 1;
        self.request("PRACK", branch, self.cseq, body);
        self.extra.clear();
    }

    /// Answers our INVITE with a reliable provisional response.
    pub(crate) fn respond_reliably(&mut self, status: u16, tag: &str, rseq: &str, body: Option<&str>) {
        let invite = self.invite.clone();
        let contact: &[u8] = b"<sip:bob@10.9.9.9:5060>";
        let require: &[u8] = b"100rel";
        let headers =
            [("Contact", contact), ("Require", require), ("RSeq", rseq.as_bytes()), ("Allow", b"UPDATE")];
        self.respond_with(&invite, status, tag, &headers, body);
    }

    /// A call that we make, whose media both sides have agreed on before it is answered.
    pub(crate) fn calling_early() -> Self {
        let mut world = Self::calling();
        world.respond_reliably(183, "one", "1", Some(SDP));
        let prack = world.last("PRACK");
        world.respond_to(&prack, 200, "one", None);
        world
    }

    /// The same of a call of the peer.
    pub(crate) fn called_early() -> Self {
        let mut world = Self::new(false);
        world.extra = "Supported: 100rel\r\nAllow: UPDATE\r\n".into();
        world.request("INVITE", "z9hG4bKinvite", 100, Some(SDP));
        world.session = world.net.incoming(0);
        world.command(|core, now, id| core.progress(now, id, true));
        world.prack("z9hG4bKprack1", None);
        world
    }

    /// A call that we are about to make: nobody has told us where the peer is.
    pub(crate) fn resolving() -> Self {
        let mut world = Self::new(false);
        world.net.hold_names = true;
        world.session = Some(world.net.invite(0, "sip:bob@bob.example"));
        world
    }

    /// A call that the peer makes, with an offer or without.
    pub(crate) fn called(silent: bool, offer: Option<&str>) -> Self {
        let mut world = Self::new(silent);
        world.request("INVITE", "z9hG4bKinvite", 100, offer);
        world.session = world.net.incoming(0);
        world
    }

    pub(crate) fn state(&self) -> Option<State> {
        self.net.nodes[0].core.session_state(self.session?)
    }

    pub(crate) fn hangup(&mut self) {
        let session = self.session.unwrap();
        self.net.with(0, |core, now| core.hangup(now, session)).unwrap();
    }

    pub(crate) fn answer(&mut self) {
        let session = self.session.unwrap();
        self.net.with(0, |core, now| core.answer(now, session)).unwrap();
        self.learn_tag();
    }

    /// The last message to the peer whose first line contains `what`.
    pub(crate) fn last(&self, what: &str) -> Bytes {
        let found = self.net.elsewhere.iter().rev().find(|transmit| {
            let line = transmit.payload.split(|&b| b == b'\r').next().unwrap_or_default();
            String::from_utf8_lossy(line).contains(what)
        });
        found.map(|transmit| transmit.payload.clone()).unwrap_or_else(|| panic!("no {what} was sent"))
    }

    pub(crate) fn learn_tag(&mut self) {
        let message = self.last("SIP/2.0 ");
        let frame = Frame::parse(&message, &WireLimits::default()).unwrap();
        let tag = NameAddr::parse(frame.first(HeaderName::To).unwrap()).unwrap().tag().unwrap();
        self.our_tag = String::from_utf8(tag.to_vec()).unwrap();
    }

    /// Answers our INVITE.
    pub(crate) fn respond(&mut self, status: u16, tag: &str, body: Option<&str>) {
        let invite = self.invite.clone();
        self.respond_to(&invite, status, tag, body);
    }

    /// Takes our call in a way that no dialog can come of: with more Record-Routes than we follow.
    pub(crate) fn respond_unusably(&mut self) {
        let invite = self.invite.clone();
        let routes: Vec<String> = (0..33).map(|n| format!("<sip:10.0.1.{n};lr>")).collect();
        let routes = routes.join(", ");
        let headers: [(&str, &[u8]); 2] =
            [("Contact", b"<sip:bob@10.9.9.9>"), ("Record-Route", routes.as_bytes())];
        self.respond_with(&invite, 200, "two", &headers, Some(SDP));
    }

    /// Takes our call from a place that is only named.
    pub(crate) fn respond_from(&mut self, host: &str) {
        let invite = self.invite.clone();
        let contact = format!("<sip:bob@{host}>");
        self.respond_with(&invite, 200, "one", &[("Contact", contact.as_bytes())], Some(SDP));
    }

    /// Sends our call elsewhere, to places that are only named.
    pub(crate) fn redirect(&mut self) {
        let invite = self.invite.clone();
        let contacts = b"<sip:a@a.example>, <sip:b@b.example>;q=0.5";
        self.respond_with(&invite, 302, "one", &[("Contact", contacts)], None);
    }

    /// The address that we asked for first is found: it is the peer's.
    pub(crate) fn found(&mut self) {
        let path = Path::udp(self.net.nodes[0].address, peer());
        self.hear_of_names(Ok(path));
    }

    /// It is not.
    pub(crate) fn lost(&mut self) {
        self.hear_of_names(Err(NameFailure("no such host".into())));
    }

    fn hear_of_names(&mut self, found: Result<Path, NameFailure>) {
        let (node, query) = self.net.asked.remove(0);
        self.net.with(node, |core, now| core.handle_names(now, query, found));
    }

    /// Answers any request of ours.
    pub(crate) fn respond_to(&mut self, request: &Bytes, status: u16, tag: &str, body: Option<&str>) {
        let headers: [(&str, &[u8]); 2] = [("Contact", b"<sip:bob@10.9.9.9:5060>"), ("Min-SE", b"200")];
        let count = if status == 422 { 2 } else { 1 };
        self.respond_with(request, status, tag, &headers[..count], body);
    }

    /// Asks for credentials before anything comes of a request of ours.
    pub(crate) fn challenge(&mut self, request: &Bytes, status: u16, challenge: &str) {
        self.challenge_as("one", request, status, challenge);
    }

    /// The same of whoever has this tag.
    pub(crate) fn challenge_as(&mut self, whose: &str, request: &Bytes, status: u16, challenge: &str) {
        let name = if status == 407 { "Proxy-Authenticate" } else { "WWW-Authenticate" };
        let challenge = format!("Digest {challenge}");
        let tag = self.our_tag.clone();
        self.respond_with(request, status, whose, &[(name, challenge.as_bytes())], None);
        self.our_tag = tag;
    }

    pub(crate) fn respond_with(
        &mut self,
        request: &Bytes,
        status: u16,
        tag: &str,
        extra: &[(&str, &[u8])],
        body: Option<&str>,
    ) {
        let frame = Frame::parse(request, &WireLimits::default()).unwrap();
        let facts = frame.facts().unwrap();
        let from = Path::udp(peer(), self.net.nodes[0].address);
        let head = ReplyHead::new(&frame, Some(&facts), &from);
        let body = body.map(|body| ("application/sdp", body.as_bytes()));
        let response = head.respond(status, "Whatever", Some(tag.as_bytes()), true, extra, body);
        self.net.inject(0, peer(), &response);
        if let Some(facts) = facts.from_tag {
            self.our_tag = String::from_utf8(facts.to_vec()).unwrap();
        }
    }

    /// Gives a command for the call.
    pub(crate) fn command(
        &mut self,
        command: impl FnOnce(&mut UnifiedCoordinator, Instant, SessionId) -> Result<(), CommandError>,
    ) {
        let session = self.session.unwrap();
        self.net.with(0, |core, now| command(core, now, session)).unwrap();
    }

    /// Answers our last INVITE or UPDATE; a 183 is a reliable one.
    pub(crate) fn respond_to_last(&mut self, status: u16, body: Option<&str>) {
        let of = |transmit: &Transmit| {
            transmit.payload.starts_with(b"INVITE ") || transmit.payload.starts_with(b"UPDATE ")
        };
        let last = self.net.elsewhere.iter().rev().find(|transmit| of(transmit)).unwrap().payload.clone();
        let tag = self.our_tag.clone();
        if status == 183 {
            let reliable: [(&str, &[u8]); 2] = [("Require", b"100rel"), ("RSeq", b"1")];
            self.respond_with(&last, status, "one", &reliable, body);
        } else {
            self.respond_to(&last, status, "one", body);
        }
        self.our_tag = tag;
    }

    /// A request of the peer within the call, whoever made it.
    pub(crate) fn peer_says(&mut self, method: &str, branch: &str, body: Option<&str>) {
        if self.invite.is_empty() {
            self.learn_tag();
            self.request(method, branch, 250, body);
        } else {
            self.request_back(method, branch, 250, body);
        }
    }

    /// The peer has said that it takes UPDATE.
    pub(crate) fn peer_allows_update(&mut self) {
        let id = self.session.unwrap();
        let registry = &mut self.net.nodes[0].core.board.registry;
        let dialog = registry.session(id).unwrap().dialog.unwrap();
        registry.dialog_mut(dialog).unwrap().update_allowed = true;
    }

    /// The peer wants its requests elsewhere from now on.
    pub(crate) fn peer_moves_to(&mut self, contact: &str) {
        let id = self.session.unwrap();
        let registry = &mut self.net.nodes[0].core.board.registry;
        let dialog = registry.session(id).unwrap().dialog.unwrap();
        registry.dialog_mut(dialog).unwrap().move_target(contact);
    }

    /// Lets the session have a timer of 90 s that we refresh.
    pub(crate) fn ask_for_refresh(&mut self) {
        let id = self.session.unwrap();
        let board = &mut self.net.nodes[0].core.board;
        board.registry.session_mut(id).unwrap().refresh = Some(Refresh::wanted(Duration::from_secs(90), 90));
    }

    /// Brings about what a session timer brings about.
    pub(crate) fn refresh_by(&mut self, input: Input) {
        self.ask_for_refresh();
        let id = self.session.unwrap();
        let now = self.net.now;
        let board = &mut self.net.nodes[0].core.board;
        board.now = now;
        let session = board.registry.session_mut(id).unwrap();
        let dialog = session.dialog.unwrap();
        if input == Input::Expired {
            session.refresh.as_mut().unwrap().refresher = Refresher::Peer;
        }
        board.registry.dialog_mut(dialog).unwrap().update_allowed = input != Input::RefreshByInvite;
        let mut adapter = DialogAdapter { board, session: id };
        if input == Input::RxGone {
            adapter.send_refresh();
            self.net.with(0, |_, _| ());
            return self.respond_to_last(481, None);
        }
        adapter.arm_refresh(true);
        if self.state() == Some(State::Offering) {
            // Else Timer B would be first.
            self.respond_to_last(100, None);
        }
        self.net.run_for(Duration::from_secs(if input == Input::Expired { 60 } else { 45 }));
    }

    /// A request of the peer that makes a call: Call-ID `call`, tag `peer`.
    pub(crate) fn request(&mut self, method: &str, branch: &str, cseq: u32, body: Option<&str>) {
        let to_tag = if self.our_tag.is_empty() { String::new() } else { format!(";tag={}", self.our_tag) };
        self.send(method, branch, cseq, "call", "peer", &to_tag, body);
    }

    /// A request of the peer within the call that we made: Call-ID and tags are those of our INVITE.
    pub(crate) fn request_back(&mut self, method: &str, branch: &str, cseq: u32, body: Option<&str>) {
        self.request_of("one", method, branch, cseq, body);
    }

    /// The same of a fork.
    pub(crate) fn request_of(
        &mut self,
        fork: &str,
        method: &str,
        branch: &str,
        cseq: u32,
        body: Option<&str>,
    ) {
        let frame = Frame::parse(&self.invite, &WireLimits::default()).unwrap();
        let facts = frame.facts().unwrap();
        let call_id = String::from_utf8(facts.call_id.to_vec()).unwrap();
        let tag = format!(";tag={}", String::from_utf8(facts.from_tag.unwrap().to_vec()).unwrap());
        self.send(method, branch, cseq, &call_id, fork, &tag, body);
    }

    #[allow(clippy::too_many_arguments, reason = "each is a part of the message")]
    fn send(
        &mut self,
        method: &str,
        branch: &str,
        cseq: u32,
        call_id: &str,
        tag: &str,
        to_tag: &str,
        body: Option<&str>,
    ) {
        let body = body.unwrap_or_default();
        let kind = content_type(body);
        let text = format!(
            "{method} sip:alice@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.9.9.9:5060;branch={branch};rport\r\n\
             Max-Forwards: 70\r\nFrom: <sip:bob@10.9.9.9>;tag={tag}\r\nTo: <sip:alice@10.0.0.1>{to_tag}\r\n\
             Call-ID: {call_id}\r\nCSeq: {cseq} {method}\r\nContact: <sip:bob@10.9.9.9:5060>\r\n{kind}{extra}\
             Content-Length: {}\r\n\r\n{body}",
            body.len(),
            extra = self.extra,
        );
        self.net.inject(0, peer(), text.as_bytes());
    }
}

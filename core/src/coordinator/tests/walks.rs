//! Random walks: commands, messages, time and resolver in any order. Whatever happened, nothing may be left.

use alloc::collections::BTreeSet;
use core::time::Duration;

use bytes::Bytes;

use super::attacks::{back, contact, ours, reply};
use super::peer::{NO_CODEC, SDP, World, peer};
use crate::api::Event;
use crate::base::ids::SessionId;
use crate::base::rng::Rng;
use crate::media::MediaCommand;
use crate::wire::path::Path;

const TAGS: [&str; 3] = ["one", "two", "three"];
const METHODS: [&str; 9] = ["ACK", "BYE", "INVITE", "CANCEL", "OPTIONS", "ACK", "INVITE", "INFO", "UPDATE"];
const STATUSES: [u16; 10] = [100, 180, 183, 183, 200, 200, 200, 486, 302, 199];

struct Walk {
    world: World,
    dice: Rng,
    caller: bool,
    id: SessionId,
}

impl Walk {
    fn new(seed: u64) -> Self {
        let mut bytes = [9; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let mut dice = Rng::secret(bytes);
        let caller = dice.next_u64().is_multiple_of(2);
        let mut world = if caller {
            if dice.next_u64().is_multiple_of(3) { World::calling_late() } else { World::calling() }
        } else {
            let offer = if dice.next_u64().is_multiple_of(3) { None } else { Some(SDP) };
            let silent = dice.next_u64().is_multiple_of(2);
            let reliably = dice.next_u64().is_multiple_of(2);
            if reliably { World::called_reliably(silent, offer) } else { World::called(silent, offer) }
        };
        let id = world.session.unwrap();
        if !caller {
            world.extra.clear();
            let session = world.net.nodes[0].core.registry().session(id).unwrap();
            world.our_tag = String::from_utf8(session.local_tag.to_vec()).unwrap();
        }
        Self { world, dice, caller, id }
    }

    fn roll(&mut self, sides: usize) -> usize {
        (self.dice.next_u64() % sides as u64) as usize
    }

    fn body(&mut self) -> Option<String> {
        let held = SDP.replace("sendrecv", "sendonly");
        let bodies = [None, Some(SDP), Some(NO_CODEC), Some(held.as_str()), Some("garbage")];
        bodies[self.roll(5)].map(String::from)
    }

    /// A command of the application; one that does not fit is refused, which is as good.
    fn command(&mut self, which: usize) {
        let id = self.id;
        let refused = self.world.net.with(0, |core, now| match which {
            0 => core.hangup(now, id),
            1 => core.answer(now, id),
            2 => core.ring(now, id),
            3 => core.progress(now, id, true),
            4 => core.progress(now, id, false),
            6 => core.transfer(now, id, "sip:carol@10.9.9.9"),
            7 => core.transfer_unreported(now, id, "sip:carol@10.9.9.9"),
            8 => core.accept_transfer(now, id).map(drop),
            9 => core.reject_transfer(now, id, 603),
            _ => core.reject(now, id, 486),
        });
        drop(refused);
    }

    fn wait(&mut self, most_ms: usize) {
        let pause = Duration::from_millis(self.roll(most_ms) as u64);
        self.world.net.run_for(pause);
    }

    /// The peer answers the INVITE.
    fn respond(&mut self) {
        let contacts = [
            contact(),
            "",
            "Contact: <sip:bob@slow.example>\r\n",
            "Contact: <sips:b@10.9.9.9>\r\n",
            "Contact: <tel:1>\r\n",
        ];
        let (status, tag) = (STATUSES[self.roll(STATUSES.len())], TAGS[self.roll(3)]);
        let body = self.body().unwrap_or_default();
        let mut extra = String::from(contacts[self.roll(5)]);
        if self.roll(8) == 0 {
            return self.challenge("INVITE");
        }
        if status < 200 && self.roll(2) == 0 {
            extra += &format!("Require: 100rel\r\nRSeq: {}\r\n", self.roll(4));
        }
        reply(&mut self.world, status, tag, &extra, &body);
    }

    /// The peer answers whatever request of ours was last, ACK and INVITE aside.
    fn respond_to_last(&mut self) {
        let fits = |payload: &[u8]| {
            ![b"SIP/2.0".as_slice(), b"ACK", b"INVITE"].iter().any(|start| payload.starts_with(start))
        };
        let sent = self.world.net.elsewhere.iter().rev();
        let last = sent.map(|transmit| transmit.payload.clone()).find(|payload| fits(payload));
        let status = [200, 481, 100, 500][self.roll(4)];
        let challenged = self.roll(4) == 0;
        match last {
            Some(last) if challenged => self.challenge_to(&last),
            Some(last) => self.world.respond_to(&last, status, "one", None),
            None => {}
        }
    }

    /// The peer wants to know who asks.
    fn challenge_to(&mut self, request: &Bytes) {
        let (status, nonce, stale) = ([401, 407][self.roll(2)], self.roll(4), self.roll(3) == 0);
        let (realm, qop) = (self.roll(5), ["auth", "auth-int", "none"][self.roll(3)]);
        let text = format!("realm=\"{realm}\", nonce=\"{nonce}\", stale={stale}, qop=\"{qop}\"");
        self.world.challenge_as(TAGS[0], request, status, &text);
    }

    /// The same of our last request of that kind. What the peer says of an INVITE then is mostly said of the next one.
    fn challenge(&mut self, method: &str) {
        let request = self.world.last(method);
        self.challenge_to(&request);
        if self.roll(4) != 0 {
            self.world.invite = self.world.last("INVITE");
        }
    }

    /// The peer asks for something.
    fn request(&mut self) {
        let method = METHODS[self.roll(METHODS.len())];
        let body = self.body();
        if self.caller {
            let sent = ours(&self.world).cseq;
            let cseq = if method == "ACK" { [sent, 1, 2, 3][self.roll(4)] } else { self.roll(5) as u32 };
            let tag = TAGS[self.roll(3)];
            back(&mut self.world, method, tag, cseq, body.as_deref().unwrap_or_default());
            return;
        }
        let mut cseq = 99 + self.roll(6) as u32;
        if self.roll(2) == 0 {
            self.world.cseq += 1;
            cseq = self.world.cseq;
        }
        let branch = if self.roll(2) == 0 {
            String::from("z9hG4bKinvite")
        } else {
            format!("z9hG4bK{}", self.roll(20))
        };
        let kept = self.world.our_tag.clone();
        if method == "CANCEL" || self.roll(8) == 0 {
            self.world.our_tag.clear();
        }
        self.world.request(method, &branch, cseq, body.as_deref());
        self.world.our_tag = kept;
    }

    /// The peer acknowledges what we last sent reliably, or something else.
    fn prack(&mut self) {
        let session = self.world.net.nodes[0].core.registry().session(self.id);
        let sent = session.and_then(|session| session.provisional.as_ref()).map_or(1, |sent| sent.rseq);
        self.world.cseq += 1;
        self.world.extra =
            format!("RAck: {} 100 INVITE\r\n", sent.wrapping_add(u32::from(self.roll(4) == 0)));
        let (branch, body) = (format!("z9hG4bKprack{}", self.world.cseq), self.body());
        self.world.request("PRACK", &branch, self.world.cseq, body.as_deref());
        self.world.extra.clear();
    }

    /// Something of a transfer happens, on either side.
    fn transfer(&mut self) {
        let lines = [
            "Refer-To: <sip:carol@10.9.9.9>\r\n",
            "Refer-To: <sip:carol@10.9.9.9>\r\nRefer-Sub: false\r\n",
            "Refer-To: <sip:carol@10.9.9.9?Replaces=a%3Bto-tag%3D1%3Bfrom-tag%3D2>\r\n",
            "Refer-To: <sip:carol@nowhere.example>\r\n",
        ];
        let states = ["active", "pending", "terminated;reason=noresource"];
        let fragments = ["100 Trying", "180 Ringing", "200 OK", "486 Busy Here", ""];
        match self.roll(8) {
            which @ 0..=3 => self.command(6 + which),
            4 => {
                let line = lines[self.roll(4)];
                self.within("REFER", line, "");
            }
            5 | 6 => {
                let line = format!("Event: refer\r\nSubscription-State: {}\r\n", states[self.roll(3)]);
                let body = format!("SIP/2.0 {}\r\n", fragments[self.roll(5)]);
                self.within("NOTIFY", &line, &body);
            }
            _ => {
                let sent = self.world.net.elsewhere.iter().rev();
                let last = sent.map(|it| it.payload.clone()).find(|it| it.starts_with(b"INVITE "));
                let (status, kept) = ([180, 200, 486, 302][self.roll(4)], self.world.our_tag.clone());
                if self.roll(4) == 0 && last.is_some() {
                    return self.challenge("INVITE");
                }
                if let Some(last) = last {
                    self.world.respond_to(&last, status, "one", Some(SDP).filter(|_| status == 200));
                }
                self.world.our_tag = kept;
            }
        }
    }

    /// A request of the peer within the call.
    fn within(&mut self, method: &str, lines: &str, body: &str) {
        self.world.cseq += 1;
        self.world.extra = lines.into();
        let (cseq, branch) = (self.world.cseq, format!("z9hG4bK{method}{}", self.world.cseq));
        if self.caller {
            back(&mut self.world, method, TAGS[0], cseq, body);
        } else {
            self.world.request(method, &branch, cseq, Some(body));
        }
        self.world.extra.clear();
    }

    fn step(&mut self) {
        match self.roll(16) {
            which @ 0..=2 => self.command(which),
            3 if self.roll(4) == 0 => self.command(5),
            12 if !self.caller => {
                let which = 3 + self.roll(2);
                self.command(which);
            }
            13 if !self.caller => self.prack(),
            14 | 15 => self.transfer(),
            4 => self.wait(40_000),
            5 | 6 => self.wait(700),
            7..=9 if self.caller => self.respond(),
            10 => self.respond_to_last(),
            _ => self.request(),
        }
        if self.roll(10) == 0 {
            self.world.net.hold_names = !self.world.net.hold_names;
        }
    }

    /// Everybody hangs up, and the resolver says what it was asked.
    fn end(&mut self) {
        let net = &mut self.world.net;
        net.hold_names = false;
        let local = net.nodes[0].address;
        let asked: Vec<_> = net.asked.drain(..).collect();
        for (node, query) in asked {
            net.with(node, |core, now| core.handle_names(now, query, Ok(Path::udp(local, peer()))));
        }
        for session in net.nodes[0].core.registry().ids() {
            drop(net.with(0, |core, now| core.hangup(now, session)));
        }
        net.run_for(Duration::from_secs(400));
    }

    /// What is left that should not be.
    fn leftovers(&self) -> Result<(), String> {
        let node = &self.world.net.nodes[0];
        let core = &node.core;
        if !core.registry().is_empty() {
            return Err(format!("a session, {:?}", core.session_state(self.id)));
        }
        if !core.transactions().is_empty() {
            return Err("a transaction".into());
        }
        if core.board.merged.len() > core.board.merged.leaving().count()
            || !core.board.parked.is_empty()
            || !core.board.timers.is_empty()
        {
            return Err("a merged request, a parked one or a timer".into());
        }
        let mut ended = BTreeSet::new();
        for event in &node.events {
            let Some(session) = event.session() else { continue };
            let end = matches!(event, Event::Ended { .. });
            if ended.contains(&session) {
                return Err("an event after the last one".into());
            }
            if end {
                ended.insert(session);
            }
        }
        if !ended.contains(&self.id) {
            return Err("the news of the end".into());
        }
        let count =
            |fits: fn(&MediaCommand) -> bool| node.media.iter().filter(|command| fits(command)).count();
        let opens = count(|command| matches!(command, MediaCommand::Open { .. }));
        let closes = count(|command| matches!(command, MediaCommand::Close { .. }));
        if opens == closes { Ok(()) } else { Err("an open stream".into()) }
    }
}

#[test]
fn random_walks_leave_nothing() {
    for seed in 0..2_000 {
        let mut walk = Walk::new(seed);
        for _ in 0..5 + walk.roll(40) {
            walk.step();
        }
        walk.end();
        if let Err(what) = walk.leftovers() {
            panic!("seed {seed} leaves {what}: {:?}\n{:#?}", walk.world.net.told(0), walk.world.net.ladder());
        }
    }
}

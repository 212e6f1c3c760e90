//! REGISTER, written (RFC 3261 section 10.2).

use core::net::SocketAddr;
use core::time::Duration;

use super::dialog::{contact, contact_at, first_hop, quoted};
use super::{Owner, Parked, Switchboard};
use crate::api::{Event, Output};
use crate::base::ids::RegistrationId;
use crate::dialog::{write_cseq, write_via};
use crate::registration::{Phase, Registration};
use crate::wire::build::Writer;
use crate::wire::method::Method;
use crate::wire::path::Path;
use crate::wire::uri::{Host, Uri};

impl Switchboard {
    /// Asks for the address of the registrar. False if there is no room, or no place to ask.
    pub(crate) fn ask_for_registrar(&mut self, id: RegistrationId) -> bool {
        let Some(registration) = self.registry.registration_mut(id) else { return false };
        registration.phase = Phase::Resolving;
        let hop = first_hop(&registration.lines, &registration.registrar);
        hop.is_ok_and(|hop| self.park(hop, Parked::Registration(id)))
    }

    /// The registrar is found: credentials for it are for whoever is there.
    pub(crate) fn note_party(&mut self, id: RegistrationId) {
        let Some(registration) = self.registry.registration(id) else { return };
        let Some(Path { remote, .. }) = registration.path else { return };
        let host = Uri::parse(&registration.registrar).ok().map(|uri| uri.host);
        let domain = host.filter(|host| matches!(host, Host::Name(_))).map(|host| alloc::format!("{host}"));
        if !self.parties.note(domain.as_deref(), remote) {
            tracing::debug!(%remote, "too many registrars to remember what they ask");
        }
    }

    /// Sends a REGISTER for so many seconds; for none, it takes our Contact away.
    pub(crate) fn send_register(&mut self, id: RegistrationId, seconds: u32) -> Option<()> {
        let path = self.registry.registration(id)?.path?;
        let here = self.public_address(&path);
        let (transaction, branch) = self.layer.begin(self.now, Method::Register)?;
        let Self { registry, keys, config, .. } = self;
        let registration = registry.registration_mut(id)?;
        registration.cseq = registration.cseq.saturating_add(1);
        registration.request = Some(transaction);
        registration.asked_at = self.now;
        registration.asking = Some(here);
        // Where the registrar kept us before, nobody is any more.
        let old = registration.bound.filter(|&old| old != here);
        registration.phase = if seconds == 0 { Phase::Leaving } else { Phase::Asking };
        let Registration { registrar, aor, lines, call_id, local_tag, cseq, realms, .. } = registration;
        let mut writer = Writer::request("REGISTER", registrar);
        write_via(&mut writer, &path, branch.as_bytes());
        writer.header("Max-Forwards", b"70");
        let display = config.display_name.as_deref().map(quoted).unwrap_or_default();
        writer.header_parts("From", &[&display, b"<", aor, b">;tag=", local_tag]);
        writer.header_parts("To", &[b"<", aor, b">"]);
        writer.header("Call-ID", call_id);
        write_cseq(&mut writer, *cseq, "REGISTER");
        if let Some(realms) = realms {
            writer.raw(&realms.lines(keys, |place| place == path.remote, Method::Register, registrar, b""));
        }
        writer.raw(lines);
        writer.header("Contact", &contact(self, &path));
        if let Some(old) = old {
            writer.header_parts("Contact", &[&contact_at(&self.config, old), b";expires=0"]);
        }
        writer.number("Expires", u64::from(seconds));
        writer.header("Allow", &self.allow);
        writer.header("Supported", self.supported);
        writer.header("User-Agent", self.config.user_agent.as_bytes());
        let message = writer.finish();
        self.owners.insert(transaction, Owner::Register(id));
        self.launch(path, Some(transaction), message);
        Some(())
    }

    /// Starts the timer of a registration anew.
    pub(crate) fn arm_registration(&mut self, id: RegistrationId, after: Duration) {
        self.disarm_registration(id);
        let deadline = self.now + after;
        let Some(registration) = self.registry.registration_mut(id) else { return };
        registration.due = deadline;
        registration.timer = self.registration_timers.arm(deadline, id);
    }

    /// Gives up what is under way for a registration.
    pub(crate) fn drop_register(&mut self, id: RegistrationId) {
        self.disarm_registration(id);
        let request = self.registry.registration_mut(id).and_then(|registration| registration.request.take());
        if let Some(request) = request {
            self.owners.remove(request);
            self.layer.abandon(request);
        }
        let ours = |parked: &Parked| matches!(parked, Parked::Registration(of) if *of == id);
        let question = self.parked.iter().find(|(_, parked)| ours(parked)).map(|(query, _)| query);
        question.map(|query| self.parked.remove(query));
    }

    /// Takes note of what the far end of `path` has seen our address to be. Whether that is news.
    pub(crate) fn learn_address(&mut self, path: &Path, seen: SocketAddr) -> bool {
        if self.public_address(path) == seen {
            return false;
        }
        let room = self.seen_as.len() < self.config.limits.registrations_max;
        if seen == path.local {
            self.seen_as.remove(&path.remote).is_some()
        } else if room || self.seen_as.contains_key(&path.remote) {
            self.seen_as.insert(path.remote, seen);
            true
        } else {
            false
        }
    }

    /// Stops the timer of a registration.
    pub(crate) fn disarm_registration(&mut self, id: RegistrationId) {
        let timer = self.registry.registration_mut(id).and_then(|registration| registration.timer.take());
        if let Some(timer) = timer {
            self.registration_timers.cancel(timer);
        }
    }

    /// Trusts the source that keeps this registration, or trusts none for its sake any more.
    pub(crate) fn trust_registrar(&mut self, id: RegistrationId, keeps: bool) {
        let Self { registry, trusted, digests, .. } = self;
        let Some(registration) = registry.registration_mut(id) else { return };
        let wanted = registration.path.filter(|_| keeps).map(|path| digests.source(path.remote.ip()));
        if registration.vouched == wanted {
            return;
        }
        if let Some(old) = registration.vouched.take() {
            trusted.disown(old);
        }
        registration.vouched = wanted.filter(|&digest| trusted.vouch(digest));
    }

    /// Forgets a registration and what is under way for it, and tells the application.
    pub(crate) fn end_registration(&mut self, id: RegistrationId, event: Event) {
        self.disarm_registration(id);
        self.trust_registrar(id, false);
        let Some(registration) = self.registry.remove_registration(id) else { return };
        if let Some(request) = registration.request {
            self.owners.remove(request);
            self.layer.abandon(request);
        }
        self.outbox.push_back(Output::Event(event));
    }
}

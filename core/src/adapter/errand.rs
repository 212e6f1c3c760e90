//! Requests that the application asks for and only wants to know the outcome of: MESSAGE, OPTIONS, INFO.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;

use bytes::Bytes;

use super::dialog::{contact, first_hop, own_address, quoted};
use super::{Owner, Parked, Switchboard, new_call_id};
use crate::api::{Event, Output, Refuser};
use crate::auth::Realms;
use crate::base::ids::{RequestId, SessionId};
use crate::dialog::{write_cseq, write_via};
use crate::signaling::MessageDetails;
use crate::wire::SDP_TYPE;
use crate::wire::build::Writer;
use crate::wire::method::Method;
use crate::wire::path::Path;

/// A request of the application that has no outcome yet.
pub(crate) struct Errand {
    /// The session that it is asked within, if any.
    pub(crate) session: Option<SessionId>,
    /// What is to be sent, while its address is unknown.
    pub(crate) draft: Option<Box<Draft>>,
    /// Who has asked for credentials, outside any session.
    pub(crate) realms: Option<Box<Realms>>,
}

/// A request outside any dialog, before it is written.
pub(crate) struct Draft {
    pub(crate) method: Method,
    pub(crate) target: Bytes,
    /// Header lines of the application, each ending with CR LF.
    pub(crate) lines: Bytes,
    pub(crate) body: Option<(String, Bytes)>,
}

impl Switchboard {
    /// Asks for the address of a request outside any dialog. `None` if there is no room, or no place to ask.
    pub(crate) fn begin_errand(&mut self, draft: Draft) -> Option<RequestId> {
        let hop = first_hop(&draft.lines, &draft.target).ok()?;
        let id = self.errands.insert(Errand { session: None, draft: Some(Box::new(draft)), realms: None })?;
        if self.park(hop, Parked::Errand(id)) {
            return Some(id);
        }
        self.errands.remove(id);
        None
    }

    /// Sends a request whose address is known. False if there is no room.
    pub(crate) fn launch_errand(&mut self, id: RequestId, path: Path) -> bool {
        let Some(draft) = self.errands.get_mut(id).and_then(|errand| errand.draft.take()) else {
            return true;
        };
        let Some((transaction, branch)) = self.layer.begin(self.now, draft.method) else { return false };
        let method = draft.method.as_str();
        let own = contact(self, &path);
        let (tag, call_id) = (self.random_text(), new_call_id(self));
        let mut writer = Writer::request(method, &draft.target);
        write_via(&mut writer, &path, branch.as_bytes());
        writer.header("Max-Forwards", b"70");
        let display = self.config.display_name.as_deref().map(quoted).unwrap_or_default();
        writer.header_parts("From", &[&display, &own_address(&self.config, &own), b";tag=", &tag]);
        writer.header_parts("To", &[b"<", &draft.target, b">"]);
        writer.header("Call-ID", &call_id);
        write_cseq(&mut writer, 1, method);
        if draft.method == Method::Options {
            // A MESSAGE must not have a Contact (RFC 3428 section 4); for OPTIONS it tells where we are.
            writer.header("Contact", &own);
            writer.header("Accept", SDP_TYPE.as_bytes());
        }
        writer.header("Allow", &self.allow);
        writer.header("Supported", self.supported);
        writer.header("User-Agent", self.config.user_agent.as_bytes());
        writer.raw(&draft.lines);
        let message = match &draft.body {
            Some((kind, body)) => writer.finish_with(kind, body),
            None => writer.finish(),
        };
        self.owners.insert(transaction, Owner::Errand(id));
        self.launch(path, Some(transaction), message);
        true
    }

    /// Tells the application the outcome; the session that it was asked within, if any.
    pub(crate) fn errand_done(
        &mut self,
        id: RequestId,
        status: u16,
        refuser: Refuser,
        phrase: String,
        message: Option<Arc<MessageDetails>>,
    ) -> Option<SessionId> {
        let errand = self.errands.remove(id)?;
        self.outbox.push_back(Output::Event(Event::RequestDone {
            request: id,
            status,
            refuser,
            phrase,
            message,
        }));
        errand.session
    }
}

//! A call that goes elsewhere (RFC 3261 section 8.1.3.4).

use super::DialogAdapter;
use crate::wire::frame::Frame;

use crate::session::Redirects;

impl DialogAdapter<'_> {
    /// Takes note of where a 3xx points. 305 and 380 do not name who to call instead: the application has to see to
    /// them.
    pub(crate) fn note_contacts(&mut self, status: u16, frame: &Frame<'_>) {
        let redirects_max = usize::from(self.board.config.redirects_max);
        if !(300..400).contains(&status) || matches!(status, 305 | 380) || redirects_max == 0 {
            return;
        }
        let domain = self.board.domain();
        let session = self.board.registry.session_mut(self.session);
        let Some(out) = session.and_then(|session| session.outgoing.as_mut()) else { return };
        let (target, ours) = (&out.target, &out.headers);
        let redirects = out.redirects.get_or_insert_with(|| Redirects::new(target).into());
        redirects.add(frame, redirects_max, domain.as_deref());
        redirects.consent(&self.board.config.redirect_headers, ours);
    }

    /// Whether there is another place to call.
    pub(crate) fn has_next_target(&self) -> bool {
        let redirects_max = usize::from(self.board.config.redirects_max);
        let session = self.board.registry.session(self.session);
        let redirects =
            session.and_then(|session| session.outgoing.as_ref()).and_then(|out| out.redirects.as_ref());
        redirects.is_some_and(|redirects| redirects.has_next(redirects_max))
    }

    /// Leaves the place that was called, with all that rang there, and takes the next. From, To and Call-ID stay (section
    /// 8.1.3.5).
    pub(crate) fn take_next_target(&mut self) {
        let board = &mut *self.board;
        board.leave_invite(self.session);
        let Some(session) = board.registry.session_mut(self.session) else { return };
        // Whoever is called next has not asked for anything.
        session.realms = None;
        if let Some(out) = &mut session.outgoing
            && let Some(next) = out.redirects.as_mut().and_then(|redirects| redirects.take_next())
        {
            out.target = next;
            out.path = None;
        }
        for dialog in core::mem::take(&mut session.dialogs) {
            board.drop_early(self.session, dialog);
        }
    }
}

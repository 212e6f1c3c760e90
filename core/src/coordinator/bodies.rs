//! Body parts that the application adds (RFC 5621).

use alloc::vec::Vec;

use super::UnifiedCoordinator;
use super::commands::bad;
use super::errands::BODY_OCTETS_MAX;
use crate::base::ids::SessionId;
use crate::base::time::Instant;
use crate::session::{OwnPart, Role, State};
use crate::signaling::{BodyPart, CommandError};

impl UnifiedCoordinator {
    /// Adds parts to the body that a session is going to send: to the INVITE of a call that has just been placed, or to the 200
    /// that will answer one. The body becomes a `multipart/mixed` of the session description and these; given again, they
    /// take the place of those before, and none is none.
    ///
    /// They come too late for an INVITE whose address is known, and for a call that is answered.
    pub fn set_body_parts(
        &mut self,
        now: Instant,
        session: SessionId,
        parts: &[BodyPart],
    ) -> Result<(), CommandError> {
        note!(self, Record::asked(now, Asked::Parts { session, parts: parts.into() }));
        self.advance(now);
        let most = self.board.config.limits.wire.body_parts_max.saturating_sub(1);
        if parts.len() > most {
            return Err(bad("parts", alloc::format!("{}; at most {most} can be sent", parts.len())));
        }
        let mut own = Vec::with_capacity(parts.len());
        for part in parts {
            let head = part.head().map_err(|error| bad("header of a part", error))?;
            own.push(OwnPart { head: head.into(), body: part.body.clone() });
        }
        let octets: usize = own.iter().map(|part| part.head.len() + part.body.len()).sum();
        if octets > BODY_OCTETS_MAX {
            return Err(bad(
                "parts",
                alloc::format!("{octets} octets; at most {BODY_OCTETS_MAX} can be sent"),
            ));
        }
        let found = self.board.registry.session_mut(session).ok_or(CommandError::NoSuchCall)?;
        let open = match found.role {
            Role::Uac => matches!(found.state, State::Idle | State::Resolving),
            Role::Uas => matches!(found.state, State::Incoming | State::Ringing),
        };
        if !open {
            let state = found.state.as_str();
            return Err(CommandError::WrongState { command: "add body parts to", state });
        }
        found.parts = Some(own.into()).filter(|_| !parts.is_empty());
        Ok(())
    }
}

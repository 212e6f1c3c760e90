//! The gate before the state machine.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::{InviteDetails, MessageDetails, SignalingDecision, SignalingHandler};

/// A chain of handlers. Each sees the INVITE; the first that does not simply accept decides, and the last one,
/// the application's, has the word on what all others let pass.
pub struct SignalingInterceptor {
    screens: Vec<Box<dyn SignalingHandler>>,
    handler: Box<dyn SignalingHandler>,
}

impl SignalingInterceptor {
    /// A chain of one.
    pub fn new(handler: Box<dyn SignalingHandler>) -> Self {
        Self { screens: Vec::new(), handler }
    }

    /// Puts a screen before the handler, after the screens that are there already. What it answers with
    /// [`SignalingDecision::Accept`] goes on to the next.
    pub fn push_screen(&mut self, screen: Box<dyn SignalingHandler>) {
        self.screens.push(screen);
    }

    /// What the first of the chain that refuses says to OPTIONS.
    pub fn options(&mut self, request: &MessageDetails) -> Option<u16> {
        let said = self.screens.iter_mut().find_map(|screen| screen.on_options(request));
        said.or_else(|| self.handler.on_options(request)).filter(|status| (300..=699).contains(status))
    }

    /// The chain's decision.
    pub fn decide(&mut self, invite: &InviteDetails) -> SignalingDecision {
        for screen in &mut self.screens {
            match screen.on_incoming_invite(invite) {
                SignalingDecision::Accept => {}
                other => return other,
            }
        }
        self.handler.on_incoming_invite(invite)
    }
}

//! Whom no limit for one source holds for.

use core::net::IpAddr;

use super::UnifiedCoordinator;
use crate::base::time::Instant;
use crate::signaling::CommandError;

impl UnifiedCoordinator {
    /// Trusts whoever sends from this address until [`distrust_source`](Self::distrust_source) has been called as often: no
    /// limit for one source holds for it. For those who have proved who they are in another way, and for what
    /// [`trusted_sources`](super::CoordinatorConfig::trusted_sources) could not know. A registrar is trusted while it
    /// keeps a registration of ours.
    ///
    /// # Errors
    /// [`CommandError::Full`]: [`trusted_sources_max`](super::Limits::trusted_sources_max) addresses are trusted already.
    pub fn trust_source(&mut self, now: Instant, source: IpAddr) -> Result<(), CommandError> {
        note!(self, Record::asked(now, Asked::TrustSource { source, trusted: true }));
        self.advance(now);
        let digest = self.board.digests.source(source);
        let limit = self.board.config.limits.trusted_sources_max;
        if self.board.trusted.vouch(digest) { Ok(()) } else { Err(CommandError::Full { limit }) }
    }

    /// Takes one [`trust_source`](Self::trust_source) back. Without any left, the limits hold for what comes from there
    /// from now on; nothing ends that is under way.
    pub fn distrust_source(&mut self, now: Instant, source: IpAddr) {
        note!(self, Record::asked(now, Asked::TrustSource { source, trusted: false }));
        self.advance(now);
        let digest = self.board.digests.source(source);
        self.board.trusted.disown(digest);
    }

    /// Whether no limit for one source holds for this address.
    pub fn is_trusted(&mut self, source: IpAddr) -> bool {
        self.board.is_trusted(source)
    }
}
